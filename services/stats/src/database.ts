/**
 * The connections to Postgres that reports are read over.
 *
 * postgres.js has no query time-out, and a connection whose other end vanished without a word is found
 * out by the kernel only after a quarter of an hour. So whoever finds that Postgres doesn't answer at
 * all (database-watch.ts) has the pool replaced: what waited on the old one fails, and the next report
 * connects anew. Reports wait for their turn here and not in the driver: there, one that its client has
 * given up would still be computed, and fifty slow ones would keep everybody away for minutes.
 */
import postgres from 'postgres';

const CONNECT_TIMEOUT_S = 3;
const RECONNECT_MAX_S = 1;
/** A report takes milliseconds, so the last in line has its turn long before its deadline. */
const WAITING_PER_CONNECTION = 32;

/** There are so many reports under way that one more would only be late, or has become that. */
export class BusyError extends Error {
  constructor() {
    super('too many reports are waiting');
    this.name = 'BusyError';
  }
}

/** A pool that reconnects within a second of Postgres' return. @param prepare whether statements are planned once a connection. */
export function connect(url: string, connections: number, prepare = true): postgres.Sql {
  return postgres(url, {
    max: connections,
    fetch_types: false,
    prepare,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (retries: number) => Math.min(RECONNECT_MAX_S, 0.05 * 2 ** Math.min(retries, 10)),
    onnotice: () => undefined,
    connection: { application_name: 'sluice-stats' },
  });
}

export class Database {
  readonly #connect: () => postgres.Sql;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #sql: postgres.Sql;
  #free: number;

  /** @param connections reports computed at once; more wait for their turn. */
  constructor(url: string, connections: number, prepare = true) {
    this.#connect = () => connect(url, connections, prepare);
    this.#mostWaiting = connections * WAITING_PER_CONNECTION;
    this.#free = connections;
    this.#sql = this.#connect();
  }

  /**
   * Asks one question, in its turn.
   *
   * @param askBy by performance.now(); later nobody waits for the answer, and it isn't asked any more.
   * @throws {BusyError}, or what Postgres or the way to it said.
   */
  async ask<T>(question: (sql: postgres.Sql) => Promise<T>, askBy: number): Promise<T> {
    await this.#turn();
    try {
      if (performance.now() > askBy) throw new BusyError();
      return await question(this.#sql);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  /**
   * Asks a question on every connection that is free, so that the next to ask it finds them open and it
   * planned there, which takes longer than any answer. Never rejects.
   */
  async warmUp(question: (sql: postgres.Sql) => Promise<unknown>, askBy: number): Promise<void> {
    await Promise.allSettled(Array.from({ length: this.#free }, () => this.ask(question, askBy)));
  }

  /** Gives up every connection and what waits on it. */
  replace(): void {
    const given = this.#sql;
    this.#sql = this.#connect();
    void given.end({ timeout: 0 });
  }

  /** Lets reports under way end, for `graceS`. */
  async close(graceS: number): Promise<void> {
    await this.#sql.end({ timeout: graceS });
  }

  /** Resolves when one of the connections is for whoever asked. @throws {BusyError} when too many wait. */
  async #turn(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    if (this.#waiting.length >= this.#mostWaiting) throw new BusyError();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
