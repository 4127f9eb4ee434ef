import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test('the first death is followed by a quarter of a second, each next one by twice as much', () => {
  expect([1, 2, 3, 4].map(backoffMs)).toEqual([250, 500, 1000, 2000]);
});

test('the delay stops growing at fifteen seconds, however many deaths there were', () => {
  expect([7, 8, 100, 10_000].map(backoffMs)).toEqual([15_000, 15_000, 15_000, 15_000]);
});
