import { expect, it } from 'vitest';
import { Turn } from './turn.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Takes so much of the CPU's time. */
function toil(ms: number): void {
  const start = process.threadCpuUsage();
  for (let usedMs = 0; usedMs < ms; ) {
    const { user, system } = process.threadCpuUsage(start);
    usedMs = (user + system) / 1_000;
  }
}

it('is too long once it has lasted for its time, until it ends', async () => {
  const turn = new Turn(20);
  expect(turn.isTooLong()).toBe(false);
  toil(30);
  expect(turn.isTooLong()).toBe(true);
  await nextTurn();
  expect(turn.isTooLong()).toBe(false);
});

it('does not count what the thread has slept', async () => {
  const turn = new Turn(20);
  expect(turn.isTooLong()).toBe(false);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  expect(turn.isTooLong()).toBe(false);
  await nextTurn();
});

it('begins with its first request, not with what was done before', async () => {
  const turn = new Turn(20);
  toil(30);
  expect(turn.isTooLong()).toBe(false);
  await nextTurn();
});
