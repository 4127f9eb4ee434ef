import { describe, expect, test } from 'vitest';
import { launchersAmong } from './launchers.ts';

const script = { pid: 5, words: ['sh', '-c', 'node main.ts'] };
const pnpm = { pid: 4, words: ['/root/.npm/_npx/1/node_modules/pnpm/pnpm', 'start'] };
const npxShell = { pid: 3, words: ['sh', '-c', "'pnpm' start"] };
const npx = { pid: 2, words: ['npm exec pnpm@12 start      '] };
const login = { pid: 1, words: ['-bash'] };

function pids(...ancestry: { pid: number; words: string[] }[]): number[] {
  return launchersAmong(ancestry).map(({ pid }) => pid);
}

describe('the launchers of a start', () => {
  test('are npx, pnpm and the shells between', () => {
    expect(pids(script, pnpm, npxShell, npx, login)).toEqual([5, 4, 3, 2]);
  });

  test('do not include the shell that someone typed into, or a script of theirs', () => {
    expect(
      pids(script, pnpm, { pid: 9, words: ['bash', '-c', 'npx -y pnpm@12 start & sleep 1'] }, login),
    ).toEqual([5, 4]);
  });

  test('are recognised when node runs them by their path', () => {
    expect(
      pids(script, { pid: 8, words: ['/usr/bin/node', '/usr/lib/node_modules/pnpm/bin/pnpm.cjs', 'start'] }),
    ).toEqual([5, 8]);
  });

  test('are none when we were started directly', () => {
    expect(pids({ pid: 7, words: ['bash', '-c', 'node main.ts'] }, login)).toEqual([]);
  });
});
