import { beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from './appender.ts';
import { Shards, type ShardTarget } from './shards.ts';

/** A shard that writes down what it is given. */
interface Shard extends ShardTarget {
  isUp: boolean;
  hasRoom: boolean;
  retryAfterSeconds: number;
  outcome: Outcome;
  readonly given: string[];
}

let a: Shard;
let b: Shard;
let c: Shard;
beforeEach(() => {
  [a, b, c] = [shard(), shard(), shard()];
});

function shard(): Shard {
  const made: Shard = {
    isUp: true,
    hasRoom: true,
    retryAfterSeconds: 1,
    outcome: 'appended',
    given: [],
    add: async (lines) => {
      made.given.push(...lines);
      return made.outcome;
    },
  };
  return made;
}

const nextRound = () => new Promise((resolve) => setImmediate(resolve));
const given = () => [a, b, c].map((each) => each.given.join(''));

describe('shards', () => {
  it('take what arrives in one round of the event loop together, and the rounds in turn', async () => {
    const shards = new Shards([a, b, c]);
    for (const round of [['1', '2', '3'], ['4'], ['5', '6'], ['7']]) {
      await Promise.all(round.map((line) => shards.append([line])));
      await nextRound();
    }
    expect(given().toSorted()).toEqual(['1237', '4', '56']);
  });

  it('that are away are passed over, and taken again when they are back', async () => {
    const shards = new Shards([a, b, c]);
    b.isUp = false;
    for (let round = 0; round < 6; round += 1) {
      expect(await shards.append(['x'])).toBe('appended');
      await nextRound();
    }
    expect(b.given).toEqual([]);
    b.isUp = true;
    for (let round = 0; round < 3; round += 1) {
      await shards.append(['y']);
      await nextRound();
    }
    expect(b.given).toEqual(['y']);
  });

  it('without room are passed over; when none has room, that is the answer', async () => {
    const shards = new Shards([a, b, c]);
    a.hasRoom = false;
    b.isUp = false;
    expect(await shards.append(['x'])).toBe('appended');
    expect(c.given).toEqual(['x']);
    c.hasRoom = false;
    expect(await shards.append(['y'])).toBe('backlog_full');
  });

  it('are tried in turn while each says that it surely wrote nothing', async () => {
    const shards = new Shards([a, b, c]);
    for (const each of [a, b, c]) each.outcome = 'unwritten';
    expect(await shards.append(['x'])).toBe('unwritten');
    expect(given()).toEqual(['x', 'x', 'x']);
    b.outcome = 'backlog_full';
    c.outcome = 'appended';
    expect(await shards.append(['y'])).toBe('appended');
  });

  it('get nothing that another may have written', async () => {
    const shards = new Shards([a, b, c]);
    for (const each of [a, b, c]) each.outcome = 'unavailable';
    expect(await shards.append(['x'])).toBe('unavailable');
    expect(given().join('')).toBe('x');
  });

  it('that are all away make it unavailable', async () => {
    for (const each of [a, b, c]) each.isUp = false;
    expect(await new Shards([a, b, c]).append(['x'])).toBe('unavailable');
  });

  it('name the time until the first of them that is up may have room', () => {
    const shards = new Shards([a, b, c]);
    [a.retryAfterSeconds, b.retryAfterSeconds, c.retryAfterSeconds] = [30, 20, 1];
    c.isUp = false;
    expect(shards.retryAfterSeconds).toBe(20);
    a.isUp = false;
    b.isUp = false;
    expect(shards.retryAfterSeconds).toBe(1);
  });
});

describe('a single shard', () => {
  it('is asked itself, when it is up and has room', async () => {
    const shards = new Shards([a]);
    expect(await shards.append(['x'])).toBe('appended');
    a.hasRoom = false;
    expect(await shards.append(['y'])).toBe('backlog_full');
    a.isUp = false;
    expect(await shards.append(['z'])).toBe('unavailable');
    expect(a.given).toEqual(['x']);
  });
});
