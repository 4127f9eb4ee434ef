import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findRedis, isNewEnough, parseRedisVersion } from './redis-binary.ts';
import { tempDir } from './testing/temp-dir.ts';

/** A program that says of itself what `redis-server --version` would. */
function pretendServer(version: string): string {
  const path = join(tempDir(), 'redis-server');
  writeFileSync(path, `#!/bin/sh\necho 'Redis server v=${version} sha=00000000:0 malloc=libc bits=64'\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the version of a server', () => {
  test.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0', '7.0.15'],
    ['Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', '8.1.3'],
    ['Redis server v=255.255.255 sha=unstable', '255.255.255'],
  ])('is read from %s', (line, version) => {
    expect(parseRedisVersion(line)).toBe(version);
  });

  test('is unknown when the line is something else', () => {
    expect(parseRedisVersion('redis-server: not found')).toBeUndefined();
  });

  test('is new enough from 7.0 on', () => {
    expect(['6.2.14', '7.0.0', '7.4.2', '8.0.1', '10.0.0'].map(isNewEnough)).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
  });
});

describe('findRedis', () => {
  test('passes over a server that is too old for a later one that is not', async () => {
    const [old, good] = [pretendServer('6.0.16'), pretendServer('8.0.1')];
    expect(await findRedis([old, good])).toEqual({ ok: true, program: good, version: '8.0.1' });
  });

  test('names the one that was too old when there is no other', async () => {
    const old = pretendServer('6.0.16');
    expect(await findRedis([old, '/nowhere/valkey-server'])).toEqual({ ok: false, tooOld: `${old} 6.0.16` });
  });

  test('finds nothing where there is nothing', async () => {
    expect(await findRedis(['/nowhere/redis-server'])).toEqual({ ok: false, tooOld: undefined });
  });
});
