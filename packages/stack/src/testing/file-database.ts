import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { type ClonedDatabase, cloneDatabase } from '../template.ts';
import type {} from '../test-servers.ts';

export interface FileDatabase extends ClonedDatabase {
  readonly name: string;
  /** As the owner of the tables. */
  readonly sql: postgres.Sql;
}

/**
 * One migrated database for all tests of a file, empty before each: cloning takes longer than most of them.
 *
 * @returns what gives it to a test, or to a hook.
 */
export function fileDatabase(): () => FileDatabase {
  let database: FileDatabase | undefined;
  const current = () => {
    if (database === undefined) throw new Error('there is a database only while tests run');
    return database;
  };
  beforeAll(async () => {
    const clone = await cloneDatabase(inject('postgresUrl'), inject('template'));
    const sql = postgres(clone.url, { max: 4, onnotice: () => undefined });
    database = { ...clone, sql, name: new URL(clone.url).pathname.slice(1) };
  });
  beforeEach(() => empty(current().sql));
  afterAll(async () => {
    await current().sql.end({ timeout: 1 });
    await current().drop();
  });
  return current;
}

async function empty(sql: postgres.Sql): Promise<void> {
  const tables = await sql<{ name: string }[]>`
    SELECT oid::regclass::text AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'schema_migrations'`;
  if (tables.length > 0) await sql.unsafe(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`);
}
