/** A migrated database, and what its owner sees in it. */
import { once } from 'node:events';
import { type FileDatabase, fileDatabase } from '@sluice/stack/testing/file-database';
import postgres from 'postgres';
import { beforeAll, onTestFinished } from 'vitest';
import { Database, type DatabaseOptions } from '../database.ts';

/** A batch that waits for a lock gives up after this, so that tests needn't wait for the role's own two seconds. */
const LOCK_TIMEOUT_MS = 200;
const DEADLINE_MS = 20_000;

/** As fileDatabase of the stack, for a worker that gives up soon. */
export function workerDatabase(): () => FileDatabase {
  const database = fileDatabase();
  beforeAll(async () => {
    const { sql, name } = database();
    await sql.unsafe(`ALTER ROLE sluice_worker IN DATABASE ${name} SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  });
  return database;
}

/** A worker's connections, closed when the test has finished. */
export function connectedTo(url: string, options: Partial<DatabaseOptions> = {}): Database {
  const database = new Database({
    url,
    connections: 2,
    deadlineMs: DEADLINE_MS,
    stuck: (error) => {
      throw error;
    },
    ...options,
  });
  onTestFinished(() => database.close(0));
  return database;
}

/** Starts a COPY whose client sends these rows and then nothing. @returns what ends it. */
export async function frozenCopy(
  url: string,
  statement: string,
  rows: Iterable<Uint8Array>,
): Promise<{ ended: Promise<unknown> }> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined });
  onTestFinished(() => sql.end({ timeout: 0 }));
  const stream = await sql.unsafe(statement).writable();
  const ended = once(stream, 'error').then(([error]) => error as unknown);
  for (const part of rows) stream.write(part);
  return { ended };
}

/** Takes a right from the worker's role. @returns what gives it back, which the end of the test does anyway. */
export async function revoke({ sql }: FileDatabase, right: string): Promise<() => Promise<unknown>> {
  const grant = async () => sql.unsafe(`GRANT ${right} TO sluice_worker`);
  await sql.unsafe(`REVOKE ${right} FROM sluice_worker`);
  onTestFinished(async () => void (await grant()));
  return grant;
}

/** Locks `events` against every writer. @returns what lets go, which the end of the test does anyway. */
export async function lockEvents({ sql }: FileDatabase): Promise<() => Promise<void>> {
  const { promise: toLetGo, resolve: release } = Promise.withResolvers<void>();
  const { promise: locked, resolve: taken } = Promise.withResolvers<void>();
  const holding = sql.begin(async (transaction) => {
    await transaction`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`;
    taken();
    await toLetGo;
  });
  const letGo = async () => {
    release();
    await holding;
  };
  onTestFinished(letGo);
  await Promise.race([locked, holding]);
  return letGo;
}

/** Writes a row with the event's id, and doesn't commit it. @returns what takes it back. */
export async function lockRow({ sql }: FileDatabase, { id }: { id: string }): Promise<() => Promise<void>> {
  const writing = await sql.reserve();
  await writing`BEGIN`;
  await writing`INSERT INTO events (id, site_id, event_type, "timestamp", received_at)
    VALUES (${id}, 'site-2', 'page_view', now(), now())`;
  return async () => {
    await writing`ROLLBACK`;
    writing.release();
  };
}

/** The ids of all stored events, in order. */
export async function storedIds({ sql }: FileDatabase): Promise<string[]> {
  return (await sql<{ id: string }[]>`SELECT id FROM events ORDER BY id`).map(({ id }) => id);
}

interface Letter {
  readonly payload: string;
  readonly reason: string;
  readonly sqlstate: string | null;
  readonly entry_id: string | null;
  readonly times: number;
}

/** The dead letters, in the order of their payloads. */
export async function lettersIn({ sql }: FileDatabase): Promise<Letter[]> {
  return sql<Letter[]>`
    SELECT convert_from(payload, 'UTF8') AS payload, reason, sqlstate, entry_id, times
    FROM dead_letters ORDER BY 1`;
}
