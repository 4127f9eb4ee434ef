/**
 * A Redis and a Postgres for one run, as `pnpm start` has them: every commit and every append on disk.
 *
 * Each is started when a scenario first asks for it and lives to the end of the run. Scenarios keep
 * apart by an emptied Redis and a database of their own.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@sluice/stack/launch';
import { startPostgres } from '@sluice/stack/postgres';
import { startRedis } from '@sluice/stack/redis';
import { type ClonedDatabase, cloneDatabase, createTemplate } from '@sluice/stack/template';
import postgres from 'postgres';

/** The project's folder, without a slash at its end. */
export const projectDir = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

export interface ServersOptions {
  /** In which the data's folder is made, and removed at the end. */
  readonly parentDir: string;
  /** False for a test, which has nothing to measure. */
  readonly durable?: boolean;
}

export class Servers {
  readonly dir: string;
  readonly #durable: boolean;
  #redis: Promise<Server> | undefined;
  #postgres: Promise<Server> | undefined;
  #template: Promise<string> | undefined;

  private constructor(dir: string, durable: boolean) {
    this.dir = dir;
    this.#durable = durable;
  }

  /** Makes the folder; starts nothing yet. */
  static async create({ parentDir, durable = true }: ServersOptions): Promise<Servers> {
    await mkdir(parentDir, { recursive: true });
    return new Servers(await mkdtemp(join(parentDir, 'bench-')), durable);
  }

  redis(): Promise<Server> {
    this.#redis ??= startRedis({
      dir: join(this.dir, 'redis'),
      settings: { appendfsync: this.#durable ? 'always' : 'everysec' },
    });
    return this.#redis;
  }

  postgres(): Promise<Server> {
    this.#postgres ??= startPostgres({ dir: join(this.dir, 'postgres'), durable: this.#durable });
    return this.#postgres;
  }

  /** A migrated database without rows, with its day partitions, as a worker would find it. */
  async database(): Promise<ClonedDatabase> {
    const { url } = await this.postgres();
    this.#template ??= createTemplate(url);
    const database = await cloneDatabase(url, await this.#template);
    await asOwner(database.url, (sql) => sql`SELECT ensure_partitions()`);
    return database;
  }

  /** Such as `18.4`; undefined when it wasn't started. */
  async postgresVersion(): Promise<string | undefined> {
    if (this.#postgres === undefined) return undefined;
    const { url } = await this.#postgres;
    const [row] = await asOwner(url, (sql) => sql<{ server_version: string }[]>`SHOW server_version`);
    return row?.server_version;
  }

  /** Ends what runs and removes its data. */
  async close(): Promise<void> {
    for (const starting of [this.#redis, this.#postgres]) {
      // One that didn't start has nothing to stop.
      const server = await starting?.catch(() => undefined);
      await server?.stop();
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Runs queries as the database's owner, over a connection of their own. */
export async function asOwner<T>(url: string, work: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 2 });
  }
}
