import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLogFile } from './log-file.ts';
import { tempDir } from './testing/temp-dir.ts';

describe('a log file', () => {
  test('goes on where an earlier one of its name ended', () => {
    const path = join(tempDir(), 'x.log');
    for (const line of ['one', 'two']) {
      const log = openLogFile(path);
      log.write(line);
      log.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });

  test('never takes more than twice its largest size, and keeps the newest lines', () => {
    const path = join(tempDir(), 'x.log');
    const log = openLogFile(path, 1_000);
    for (let n = 0; n < 1_000; n += 1) log.write(`line ${n}`);
    log.close();
    expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThanOrEqual(2_000);
    expect(readFileSync(path, 'utf8')).toMatch(/line 999\n$/);
  });

  test('may be written to after it was closed', () => {
    const log = openLogFile(join(tempDir(), 'x.log'));
    log.close();
    expect(() => log.write('late')).not.toThrow();
  });
});
