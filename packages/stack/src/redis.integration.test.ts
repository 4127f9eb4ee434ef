import { createClient } from 'redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Server } from './launch.ts';
import { startRedis } from './redis.ts';
import { tempDir } from './testing/temp-dir.ts';

async function started(...options: Parameters<typeof startRedis>): Promise<Server> {
  const server = await startRedis(...options);
  onTestFinished(() => server.stop());
  return server;
}

function clientOf(url: string) {
  return createClient({ url }).on('error', () => {});
}

async function withClient<T>(
  url: string,
  use: (client: ReturnType<typeof clientOf>) => Promise<T>,
): Promise<T> {
  const client = clientOf(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

describe('a Redis of our own', () => {
  test('has every write on disk before it answers, and never evicts', async () => {
    const server = await started({ dir: tempDir() });
    const settings = await withClient(server.url, (client) =>
      client.configGet(['appendfsync', 'maxmemory-policy', 'bind']),
    );
    expect(settings).toEqual({ appendfsync: 'always', 'maxmemory-policy': 'noeviction', bind: '127.0.0.1' });
  });

  test('started again on the same folder and port after kill -9 has what it had', async () => {
    const dir = tempDir();
    const first = await started({ dir });
    await withClient(first.url, (client) => client.set('kept', 'yes'));
    first.kill('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const second = await started({ dir, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await withClient(second.url, (client) => client.get('kept'))).toBe('yes');
  });

  test('takes settings over its own, and puts a password into its URL', async () => {
    const settings = { requirepass: 'a/b:c', maxmemory: '50mb', appendfsync: 'everysec' };
    const server = await started({ dir: tempDir(), settings });
    const found = await withClient(server.url, (client) => client.configGet(['maxmemory', 'appendfsync']));
    expect(found).toEqual({ maxmemory: '52428800', appendfsync: 'everysec' });
  });

  test('whose port another Redis has says so instead of passing for it', async () => {
    const first = await started({ dir: tempDir() });
    await expect(startRedis({ dir: tempDir(), port: first.port })).rejects.toThrow(
      /port \d+ isn't ready.*in use/,
    );
  });
});
