import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';

const BACKLOG = 'backlog above its high-water mark';
const MEMORY = 'redis memory above its high-water mark';

let gate: Gate;
beforeEach(() => {
  gate = new Gate({ backlogHigh: 1_000, memoryHighPercent: 80 });
});

/** As an append reports them: `backlog` events waiting after `settled` were settled. */
const observe = (backlog: number, settled = 0, atMs = 0) =>
  gate.observeBacklog(settled + backlog, settled, atMs);

it('a gate is open at first, its limit the high-water mark', () => {
  expect(gate).toMatchObject({ closed: undefined, backlog: 0, limit: 1_000, retryAfterSeconds: 1 });
});

describe('the backlog', () => {
  it('closes the gate at its high mark and opens it at four fifths of that', () => {
    for (const [backlog, closed] of [
      [999, undefined],
      [1_000, BACKLOG],
      [900, BACKLOG],
      [801, BACKLOG],
      [800, undefined],
      [999, undefined],
    ] as const) {
      observe(backlog);
      expect([gate.backlog, gate.closed]).toEqual([backlog, closed]);
    }
  });

  it('closes the gate when an append was refused by the limit, whatever was last seen', () => {
    observe(950);
    gate.full();
    expect(gate.closed).toBe(BACKLOG);
    observe(950);
    expect(gate.closed).toBe(BACKLOG);
    observe(700);
    expect(gate.closed).toBeUndefined();
  });

  it('is never below zero, as it would be after the counters were flushed', () => {
    gate.observeBacklog(0, 500, 0);
    expect(gate.backlog).toBe(0);
  });
});

describe('memory', () => {
  it('closes the gate at its high mark and opens it at four fifths of that', () => {
    for (const [percent, closed] of [
      [79.9, undefined],
      [80, MEMORY],
      [64.1, MEMORY],
      [64, undefined],
    ] as const) {
      gate.observeMemory(percent);
      expect(gate.closed).toBe(closed);
    }
  });

  it('and backlog must both be low again', () => {
    gate.observeMemory(90);
    observe(1_000);
    gate.observeMemory(10);
    expect(gate.closed).toBe(BACKLOG);
    observe(0);
    expect(gate.closed).toBeUndefined();
  });
});

describe('Retry-After', () => {
  /** Settles `perSecond` events a second for ten seconds with a full backlog. */
  function draining(perSecond: number): void {
    for (let second = 0; second <= 10; second += 1) observe(1_000, second * perSecond, second * 1_000);
  }

  it.each([
    [50, 4],
    [40, 5],
    [30, 7],
    [1_000, 1],
    [0.1, 300],
  ])('is the time to drain to the low mark: at %d events a second, %d seconds', (perSecond, seconds) => {
    draining(perSecond);
    expect(gate.retryAfterSeconds).toBe(seconds);
  });

  it('is half a minute while nothing drains', () => {
    draining(0);
    expect(gate.retryAfterSeconds).toBe(30);
  });

  it('follows the rate as it changes, without jumping', () => {
    draining(50);
    const afterSeconds = (seconds: number) => {
      observe(1_000, 500 + seconds * 150, (10 + seconds) * 1_000);
      return gate.retryAfterSeconds;
    };
    expect([1, 2, 3, 4].map(afterSeconds)).toEqual([3, 2, 2, 2]);
  });

  it('takes no rate from less than a second, nor from counters that were flushed', () => {
    observe(1_000, 0, 0);
    observe(1_000, 900, 999);
    expect(gate.retryAfterSeconds).toBe(30);
    observe(1_000, 0, 2_000);
    observe(1_000, 50, 3_000);
    expect(gate.retryAfterSeconds).toBe(4);
  });

  it('is ten seconds when memory alone is short, and one when the gate is open', () => {
    gate.observeMemory(90);
    expect(gate.retryAfterSeconds).toBe(10);
    gate.observeMemory(0);
    expect(gate.retryAfterSeconds).toBe(1);
  });
});
