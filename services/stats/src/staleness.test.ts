import { expect, it } from 'vitest';
import { type ReplicaState, Staleness } from './staleness.ts';

/** A staleness with a clock that goes as told, in seconds. */
function staleness() {
  let now = 1_000;
  const measured = new Staleness(() => now * 1_000);
  return {
    saw: (state: ReplicaState | undefined) => measured.saw(state),
    later: (seconds: number) => {
      now += seconds;
    },
    seconds: () => measured.seconds,
  };
}

const behind = (sinceReplayedS: number) => ({ isCurrent: false, sinceReplayedS });
const current = (sinceReplayedS: number) => ({ isCurrent: true, sinceReplayedS });

it('is none on a primary, nor before anybody looked', () => {
  const { saw, seconds } = staleness();
  expect(seconds()).toBeUndefined();
  saw(undefined);
  expect(seconds()).toBeUndefined();
});

it('is 0 on a replica that has all, however long ago the last commit was', () => {
  const { saw, seconds } = staleness();
  saw(current(3_600));
  expect(seconds()).toBe(0);
});

it('grows from the moment that it was last seen current, while nobody can look', () => {
  const { saw, later, seconds } = staleness();
  saw(current(3_600));
  later(2);
  saw(behind(3_602));
  expect(seconds()).toBe(2);
  later(5);
  expect(seconds()).toBe(7);
});

it('is no more than the age of the commit that was replayed last', () => {
  const { saw, later, seconds } = staleness();
  saw(current(0));
  later(60);
  saw(behind(4));
  expect(seconds()).toBe(4);
  later(1);
  expect(seconds()).toBe(5);
});

it('that was never seen current is as old as its last commit, and never in the future', () => {
  const { saw, seconds } = staleness();
  saw(behind(90));
  expect(seconds()).toBe(90);
  saw(behind(-3));
  expect(seconds()).toBe(0);
});
