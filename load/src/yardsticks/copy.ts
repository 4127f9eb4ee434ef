/**
 * Yardstick: the same rows into the same tables by `\copy`, in batches of 10,000 rows, each a commit of
 * its own, by two at once. That is what a worker does in Postgres, without anything that a worker does.
 *
 * By psql where it is on the PATH, else by this process over the driver's COPY stream.
 */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { SluiceEvent } from '@sluice/event/event';
import postgres from 'postgres';
import { countCpu } from '../bench/process-tree.ts';
import { runProgram } from '../generators/run-program.ts';
import { findProgram } from '../system/find-program.ts';
import { asOwner } from '../system/servers.ts';

const WRITERS = 2;
const BATCH_ROWS = 10_000;
const COLUMNS = 'events (id, site_id, event_type, path, user_id, timestamp, received_at)';

export interface Copied {
  readonly program: string;
  readonly perSecond: number;
  readonly postgresMicros: number;
}

export interface CopyOptions {
  /** The owner's. */
  readonly databaseUrl: string;
  readonly postgresPid: number;
  /** Files of copyFiles(). */
  readonly files: readonly string[];
  readonly rows: number;
  /** Whether the counts are kept, which is the trigger's work. */
  readonly rollups: boolean;
}

/** Writes events as files in COPY's text form. @returns their paths. */
export async function copyFiles(events: Iterable<SluiceEvent>, dir: string): Promise<string[]> {
  const files: string[] = [];
  let lines: string[] = [];
  const write = async () => {
    if (lines.length === 0) return;
    const path = join(dir, `copy-${files.length}.tsv`);
    await writeFile(path, `${lines.join('\n')}\n`);
    files.push(path);
    lines = [];
  };
  for (const event of events) {
    const [at, receivedAt] = [event.timestamp, event.received_at].map((ms) => new Date(ms).toISOString());
    // Nothing in the bench's events needs escaping.
    lines.push(
      [event.id, event.site_id, event.event_type, event.path, event.user_id, at, receivedAt].join('\t'),
    );
    if (lines.length === BATCH_ROWS) await write();
  }
  await write();
  return files;
}

/** Copies the files into `events`. */
export async function copyRows(options: CopyOptions): Promise<Copied> {
  const { databaseUrl, postgresPid, files, rows, rollups } = options;
  if (!rollups) await asOwner(databaseUrl, (sql) => sql`ALTER TABLE events DISABLE TRIGGER USER`);
  const program = findProgram('psql');
  const shares = Array.from({ length: WRITERS }, (_, at) =>
    files.filter((_file, index) => index % WRITERS === at),
  );
  const used = countCpu({ postgres: postgresPid });
  const startedAt = performance.now();
  await Promise.all(
    shares.map((share) =>
      program === undefined ? byDriver(databaseUrl, share) : byPsql(program, databaseUrl, share),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    program: program === undefined ? 'COPY' : '\\copy',
    perSecond: rows / seconds,
    postgresMicros: (used().postgres / rows) * 1e6,
  };
}

async function byPsql(program: string, databaseUrl: string, files: readonly string[]): Promise<void> {
  const commands = files.flatMap((file) => ['-c', `\\copy ${COLUMNS} from '${file}'`]);
  await runProgram(program, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...commands, databaseUrl]);
}

async function byDriver(databaseUrl: string, files: readonly string[]): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false });
  try {
    for (const file of files) {
      const into = await sql.unsafe(`COPY ${COLUMNS} FROM STDIN`).writable();
      await pipeline(createReadStream(file), into);
    }
  } finally {
    await sql.end({ timeout: 2 });
  }
}
