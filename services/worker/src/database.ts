/**
 * The worker's Postgres: single autocommit statements, each with a deadline.
 *
 * postgres.js has no time-out of its own, and under faults its transactions and reserved connections
 * hang or crash (porsager/postgres#1154, #1173), so there are none here: a COPY is one statement, and
 * so is an INSERT. A statement that passes its deadline leaves its connection in a state that nobody
 * knows; `stuck` is called, and the process had better end.
 */
import { DeadlineError, withDeadline } from '@sluice/service/deadline';
import postgres from 'postgres';

/** With this, a Postgres that is back is found within a second. */
const RECONNECT_MAX_S = 1;
const CONNECT_TIMEOUT_S = 5;

/** `$1` in milliseconds. A role may look at and end its own backends without further rights. */
const END_STALLED_COPIES = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()
  AND state = 'active' AND wait_event = 'ClientRead' AND query LIKE 'COPY %'
  AND query_start < now() - $1::int * interval '1 millisecond'`;

export interface DatabaseOptions {
  readonly url: string;
  readonly connections: number;
  readonly deadlineMs: number;
  /** Called when a statement passed its deadline. */
  readonly stuck: (error: DeadlineError) => void;
}

export class Database {
  readonly #sql: postgres.Sql;
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#sql = postgres(options.url, {
      max: options.connections,
      // Types are never needed: everything goes in as text and comes out as counts.
      fetch_types: false,
      prepare: false,
      connect_timeout: CONNECT_TIMEOUT_S,
      backoff: (retries: number) => Math.min(RECONNECT_MAX_S, 0.05 * 2 ** Math.min(retries, 10)),
      onnotice: () => undefined,
      connection: { application_name: 'sluice-worker' },
    });
  }

  /** Runs one statement. @returns the number of rows that it touched. */
  async run(statement: string, parameters: readonly string[] = []): Promise<number> {
    const result = await this.#inTime(this.#sql.unsafe(statement, [...parameters]), 'a statement');
    return result.count;
  }

  /**
   * Runs `COPY … FROM STDIN`.
   *
   * @param rows its data in parts, each asked for when the one before is on its way.
   * @returns the number of rows copied, after the commit.
   */
  async copy(statement: string, rows: Iterable<Uint8Array>): Promise<number> {
    return this.#inTime(this.#copy(statement, rows), 'a COPY');
  }

  /**
   * Ends COPYs of this role whose client has sent nothing for longer than any live worker waits: it
   * is frozen or cut off, and its uncommitted rows block whoever took its entries over.
   *
   * @returns how many were ended. Nothing is lost by it: what they held is pending in the stream.
   */
  async endStalledCopies(): Promise<number> {
    const ended = await this.#inTime(
      this.#sql.unsafe(END_STALLED_COPIES, [this.#options.deadlineMs]),
      'ending stalled COPYs',
    );
    return ended.count;
  }

  /** Closes the connections, dropping what is under way after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await this.#sql.end({ timeout: graceMs / 1_000 });
  }

  async #copy(statement: string, rows: Iterable<Uint8Array>): Promise<number> {
    const query = this.#sql.unsafe(statement) as unknown as CopyQuery;
    // The stream's own events are no proof of anything: after its end an error is swallowed. The
    // query is settled a second time when the server is ready for the next one; that is the end.
    const { promise: ended, resolve, reject } = Promise.withResolvers<{ count: number }>();
    ended.catch(() => undefined);
    const settleWithStream = query.resolve;
    query.resolve = (value) => {
      query.resolve = resolve as CopyQuery['resolve'];
      settleWithStream(value);
    };
    const rejectBefore = query.reject;
    query.reject = (error) => {
      reject(error);
      rejectBefore(error);
    };
    const stream = await query.writable();
    // Without a listener an error of the stream would end the process; `ended` carries the cause.
    stream.on('error', () => undefined);
    try {
      for (const part of rows) {
        if (stream.destroyed) break;
        if (!stream.write(part)) await drained(stream);
      }
    } catch (error) {
      // Has the server drop what it got.
      stream.destroy(new Error('the rows could not be made'));
      await ended.catch(() => undefined);
      throw error;
    }
    stream.end();
    return (await ended).count;
  }

  async #inTime<T>(statement: Promise<T>, what: string): Promise<T> {
    try {
      return await withDeadline(statement, this.#options.deadlineMs, what);
    } catch (error) {
      if (error instanceof DeadlineError) this.#options.stuck(error);
      throw error;
    }
  }
}

/** What postgres.js calls when a query's stream is there, and again when its end is. */
interface CopyQuery {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  writable: () => Promise<import('node:stream').Writable>;
}

async function drained(stream: import('node:stream').Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const settle = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, settle);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, settle);
  });
}
