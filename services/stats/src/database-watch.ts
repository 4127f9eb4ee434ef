/** Asks Postgres every few seconds whether reports can be read, for `/readyz`. */
import { withDeadline } from '@sluice/service/deadline';
import type postgres from 'postgres';

const INTERVAL_MS = 2_000;
const DEADLINE_MS = 3_000;

export class DatabaseWatch {
  readonly #sql: postgres.Sql;
  #problem: string | undefined = 'not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  /** Why reports can't be read, `undefined` when they can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Looks now and then every few seconds. Never rejects. */
  async start(): Promise<void> {
    try {
      const question = this.#sql`SELECT FROM hourly_counts LIMIT 1`;
      await withDeadline(question.execute(), DEADLINE_MS, 'Postgres');
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.start(), INTERVAL_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
