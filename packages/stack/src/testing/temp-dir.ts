import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder for this test, removed with all in it when the test has finished. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-stack-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
