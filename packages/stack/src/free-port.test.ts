import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstFree, freePort, whyTaken } from './free-port.ts';

async function takenPort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

describe('ports', () => {
  test('a free port can be listened on', async () => {
    expect(await whyTaken(await freePort())).toBeUndefined();
  });

  test.each(['127.0.0.1', '0.0.0.0', '::'])(
    'a port that somebody has on %s is taken, for any address',
    async (host) => {
      const port = await takenPort(host);
      expect(await whyTaken(port)).toContain('another program');
      expect(await whyTaken(port, '0.0.0.0')).toContain('another program');
    },
  );

  test('the first wanted port that is free is taken', async () => {
    const [taken, free] = [await takenPort('127.0.0.1'), await freePort()];
    expect(await firstFree([taken, free])).toBe(free);
  });

  test('any other is taken when no wanted one is free', async () => {
    const taken = await takenPort('127.0.0.1');
    const port = await firstFree([taken]);
    expect(port).not.toBe(taken);
    expect(await whyTaken(port)).toBeUndefined();
  });
});
