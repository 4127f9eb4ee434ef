import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DeadlineError, withDeadline } from './deadline.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('what comes in time is the answer', async () => {
  expect(await withDeadline(Promise.resolve(7), 1_000, 'the work')).toBe(7);
});

it('what fails in time fails with its own error', async () => {
  const failure = new Error('broken');
  await expect(withDeadline(Promise.reject(failure), 1_000, 'the work')).rejects.toBe(failure);
});

it('what is late is a DeadlineError that says what and how long', async () => {
  const late = withDeadline(new Promise(() => undefined), 1_000, 'the work');
  const failed = expect(late).rejects.toThrow(new DeadlineError('the work', 1_000));
  await vi.advanceTimersByTimeAsync(1_000);
  await failed;
  expect(String(await late.catch((error: unknown) => error))).toContain('the work took longer than 1000 ms');
});

it('a failure after the deadline reaches nobody', async () => {
  const work = Promise.withResolvers<never>();
  const late = withDeadline(work.promise, 1_000, 'the work').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  // Vitest fails the run on an unhandled rejection.
  work.reject(new Error('too late'));
  expect(await late).toBeInstanceOf(DeadlineError);
});
