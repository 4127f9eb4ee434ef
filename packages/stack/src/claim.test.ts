import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Claim, claimDataDir } from './claim.ts';
import { tempDir } from './testing/temp-dir.ts';

function claimed(dataDir: string): Claim {
  const result = claimDataDir(dataDir);
  if (!result.ok) throw new Error(`taken by ${result.pid}`);
  return result.claim;
}

describe('the claim on a data folder', () => {
  test('is refused while its owner lives, naming it', () => {
    const dataDir = tempDir();
    claimed(dataDir);
    expect(claimDataDir(dataDir)).toEqual({ ok: false, pid: process.pid, stopping: false });
  });

  test('tells whoever comes next that its owner is stopping', () => {
    const dataDir = tempDir();
    claimed(dataDir).markStopping();
    expect(claimDataDir(dataDir)).toMatchObject({ ok: false, stopping: true });
  });

  test('is free again once it is released', () => {
    const dataDir = tempDir();
    claimed(dataDir).release();
    expect(claimDataDir(dataDir).ok).toBe(true);
  });

  test('is taken over from an owner that was killed, and leaves nothing beside', () => {
    const dataDir = tempDir();
    claimed(dataDir);
    const file = join(dataDir, 'start.json');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/"identity": ".*"/, '"identity": "of an earlier boot"'),
    );
    expect(claimDataDir(dataDir).ok).toBe(true);
    expect(readdirSync(dataDir)).toEqual(['start.json']);
  });

  test.each(['', '{"pid":'])('is taken over when it reads %j', (content) => {
    const dataDir = tempDir();
    writeFileSync(join(dataDir, 'start.json'), content);
    expect(claimDataDir(dataDir).ok).toBe(true);
  });
});
