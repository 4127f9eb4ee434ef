import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { parseProcStat, processIdentity, readProcess } from './read-process.ts';

describe('readProcess', () => {
  test('knows this process, its parent and its words', () => {
    const facts = readProcess(process.pid);
    expect(facts?.parent).toBe(process.ppid);
    expect(facts?.words.length).toBeGreaterThan(0);
  });

  test('gives a process the same identity each time, and another process another one', () => {
    expect(processIdentity(process.pid)).toBe(processIdentity(process.pid));
    expect(processIdentity(process.pid)).not.toBe(processIdentity(1));
  });

  test('knows nothing of a process that has ended', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(readProcess(child.pid ?? 0)).toBeUndefined();
  });
});

test('the fields of /proc/PID/stat are found behind a name with spaces and brackets', () => {
  const fields = ['S', '42', ...Array.from({ length: 17 }, () => '0'), '241359', '0'];
  expect(parseProcStat(`7 (a) b (c) ${fields.join(' ')}`)).toEqual({
    state: 'S',
    parent: 42,
    startTicks: '241359',
  });
});
