import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from './free-port.ts';
import { keptPort } from './kept-port.ts';
import { tempDir } from './testing/temp-dir.ts';

test('a server keeps the port it had, whatever the conventional one', async () => {
  const dataDir = tempDir();
  const port = await keptPort(dataDir, 'redis', await freePort());
  expect(await keptPort(dataDir, 'redis', await freePort())).toBe(port);
});

test('a server whose port was taken meanwhile gets another and keeps that', async () => {
  const dataDir = tempDir();
  const before = await keptPort(dataDir, 'redis', await freePort());
  const other = createServer().listen(before, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const after = await keptPort(dataDir, 'redis', before);
  expect(after).not.toBe(before);
  expect(await keptPort(dataDir, 'redis', before)).toBe(after);
});

test('two servers keep a port each', async () => {
  const dataDir = tempDir();
  const ports = [await freePort(), await freePort()] as const;
  await keptPort(dataDir, 'redis', ports[0]);
  await keptPort(dataDir, 'postgres', ports[1]);
  expect(await keptPort(dataDir, 'redis', 1)).toBe(ports[0]);
});
