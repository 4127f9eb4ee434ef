/**
 * Randomness that can be repeated: everything a test draws comes from one seed, which it prints.
 *
 * What the machine's scheduler does isn't repeated by it; contents, sizes, victims and moments are.
 */
import { randomInt } from 'node:crypto';
import { givenSeed } from './config.ts';

/** mulberry32: 32 bits of state, good enough to choose test data by. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed;
  }

  /** From 0 up to, but not, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.between(0, list.length - 1)] as T;
  }
}

/** The randomness of one test: from SEED, or new, and printed in either case. */
export function seededRandom(): Random {
  const random = new Random(givenSeed() ?? randomInt(0x1_0000_0000));
  console.log(`SEED=${random.seed}`);
  return random;
}
