import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

it.each([
  [1, 100],
  [2, 200],
  [4, 800],
  [5, 1_000],
  [1_000_000, 1_000],
])('attempt %d waits %d ms, with up to a quarter taken off', (attempt, full) => {
  const waits = Array.from({ length: 1_000 }, () => backoffMs(attempt, 100, 1_000));
  expect(Math.max(...waits)).toBeLessThanOrEqual(full);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(full * 0.75);
  expect(new Set(waits).size).toBeGreaterThan(5);
});
