/**
 * Which shard takes a request's events.
 *
 * In turn, but a turn is one round of the event loop and not one request: what arrives together goes
 * into one append, which costs a shard a command and an fsync whatever it carries. A shard that can't
 * take events now is passed over. A request whose events one shard surely didn't write goes to the
 * next, each shard once; after an outcome that nobody knows it goes nowhere, since that would be how
 * an event is written twice.
 */
import type { Outcome } from './appender.ts';

/** A shard as the choice sees it. */
export interface ShardTarget {
  /** Whether its Redis is there and answers. */
  readonly isUp: boolean;
  /** Whether it has room. */
  readonly hasRoom: boolean;
  /** Whole seconds until it may have room. */
  readonly retryAfterSeconds: number;
  add(lines: readonly string[]): Promise<Outcome>;
}

/** A shard that is away may be back at once. */
const RETRY_AFTER_OUTAGE_S = 1;

export class Shards {
  readonly #shards: readonly [ShardTarget, ...ShardTarget[]];
  #current = 0;
  /** Whether the current shard was chosen in this round of the event loop. */
  #chosen = false;

  /** @param shards at least one. */
  constructor(shards: readonly ShardTarget[]) {
    const [first, ...rest] = shards;
    if (first === undefined) throw new Error('there must be a shard');
    this.#shards = [first, ...rest];
  }

  /** Hands lines to a shard, all to the same. Never rejects. */
  append(lines: readonly string[]): Promise<Outcome> {
    const [only] = this.#shards;
    if (this.#shards.length > 1) return this.#spread(lines);
    if (!only.isUp) return Promise.resolve('unavailable');
    return only.hasRoom ? only.add(lines) : Promise.resolve('backlog_full');
  }

  /** When it may be worth trying again: as soon as one of the shards that are up may have room. */
  get retryAfterSeconds(): number {
    const up = this.#shards.filter(({ isUp }) => isUp);
    return up.length === 0 ? RETRY_AFTER_OUTAGE_S : Math.min(...up.map((shard) => shard.retryAfterSeconds));
  }

  async #spread(lines: readonly string[]): Promise<Outcome> {
    const first = this.#choose();
    // Without a shard that is up this stays; one that is up and full makes it a matter of waiting.
    let outcome: Outcome = 'unavailable';
    for (let step = 0; step < this.#shards.length; step += 1) {
      const shard = this.#shards[(first + step) % this.#shards.length] as ShardTarget;
      if (!shard.isUp) continue;
      outcome = shard.hasRoom ? await shard.add(lines) : 'backlog_full';
      if (outcome === 'appended' || outcome === 'unavailable') return outcome;
    }
    return outcome;
  }

  #choose(): number {
    if (!this.#chosen) {
      this.#chosen = true;
      this.#current = (this.#current + 1) % this.#shards.length;
      setImmediate(() => {
        this.#chosen = false;
      });
    }
    return this.#current;
  }
}
