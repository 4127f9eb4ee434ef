/**
 * Asks Postgres every few seconds whether reports can be read: for `/readyz`, and to notice a Postgres
 * that takes questions and never answers. A replica is asked how far it is behind in the same question.
 *
 * It has a connection of its own, so that reports waiting for their turn don't look like a silence.
 */
import { DeadlineError, withDeadline } from '@sluice/service/deadline';
import type postgres from 'postgres';
import { replicaState, Staleness } from './staleness.ts';

const INTERVAL_MS = 2_000;
const DEADLINE_MS = 3_000;

export interface DatabaseWatchOptions {
  /** Opens the watch's own connection. */
  readonly connect: () => postgres.Sql;
  /** Called when Postgres answered for the first time, or again. */
  readonly back: () => void;
  /** Called when Postgres didn't answer in time: every connection may be as dead as the watch's. */
  readonly silent: () => void;
}

export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  readonly #staleness = new Staleness();
  #sql: postgres.Sql;
  #problem: string | undefined = 'not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
    this.#sql = options.connect();
  }

  /** Why reports can't be read, `undefined` when they can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * By how many seconds a replica's reports may be behind, as of the last look; `undefined` on a primary.
   */
  get stalenessS(): number | undefined {
    return this.#staleness.seconds;
  }

  /** Looks now and then every few seconds. Never rejects. */
  async start(): Promise<void> {
    try {
      this.#staleness.saw(await withDeadline(replicaState(this.#sql), DEADLINE_MS, 'asking Postgres'));
      const isBack = this.#problem !== undefined;
      this.#problem = undefined;
      if (isBack) this.#options.back();
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      if (error instanceof DeadlineError && !this.#stopped) this.#startOver();
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.start(), INTERVAL_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sql.end({ timeout: 0 });
  }

  #startOver(): void {
    const given = this.#sql;
    this.#sql = this.#options.connect();
    void given.end({ timeout: 0 });
    this.#options.silent();
  }
}
