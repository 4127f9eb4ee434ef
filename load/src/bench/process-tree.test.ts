import { expect, it } from 'vitest';
import { countCpu, parsePsTime, parseStat, peakMib, residentMib } from './process-tree.ts';

it('a process counts its own time and that of its ended children, whatever its name', () => {
  const stat = '42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 100 50 25 25 20 0 1 0 99 0 0';
  expect(parseStat(42, stat)).toEqual({ pid: 42, parent: 7, cpuSeconds: 2 });
});

it.each([
  ['0:01.50', 1.5],
  ['12:00', 720],
  ['01:00:01', 3_601],
  ['2-00:00:01', 172_801],
])('ps says %s for %d seconds', (time, seconds) => {
  expect(parsePsTime(time)).toBe(seconds);
});

it('work of this process is counted under its name', () => {
  const used = countCpu({ self: process.pid });
  const until = process.cpuUsage().user + 100_000;
  while (process.cpuUsage().user < until);
  expect(used().self).toBeGreaterThan(0.05);
});

it('this process has memory', () => {
  expect(residentMib(process.pid)).toBeGreaterThan(10);
  expect(peakMib(process.pid)).toBeGreaterThan(10);
});
