/** The whole of Sluice for one scenario: ingest, two workers, and reports where they are asked for. */
import type { ClonedDatabase } from '@sluice/stack/template';
import { type Child, startService } from '../system/child.ts';
import { asOwner, type Servers } from '../system/servers.ts';
import type { Stream } from '../system/stream.ts';
import { until } from '../system/until.ts';

/** What `pnpm start` runs. */
const WORKERS = 2;
const DRAINED_WITHIN_MS = 120_000;

export interface Pipeline extends AsyncDisposable {
  readonly database: ClonedDatabase;
  readonly ingest: Child;
  readonly workers: readonly Child[];
  readonly stats: Child;
  /**
   * Waits until everything accepted is settled.
   *
   * @returns rows in `events`, and events accepted: the same number.
   */
  drained(): Promise<{ readonly stored: number; readonly accepted: number }>;
}

/** What a pipeline is started on: a run has it, and a test makes it. */
export interface Ground {
  readonly servers: Servers;
  readonly stream: Stream;
}

/** Starts it with an empty Redis and a database of its own. */
export async function startPipeline(ground: Ground): Promise<Pipeline> {
  await ground.stream.clear();
  const database = await ground.servers.database();
  const { url } = await ground.servers.redis();
  const worker = () => startService('worker', { env: { REDIS_URL: url, DATABASE_URL: database.workerUrl } });
  const [ingest, stats, ...workers] = await Promise.all([
    startService('ingest', { env: { REDIS_URL: url } }),
    startService('stats', { env: { DATABASE_URL: database.statsUrl } }),
    ...Array.from({ length: WORKERS }, worker),
  ]);
  return {
    database,
    ingest,
    stats,
    workers,
    drained: () => drained(ground, database),
    [Symbol.asyncDispose]: async () => {
      await ingest.stop();
      await Promise.all([stats, ...workers].map((each) => each.stop()));
      await database.drop();
    },
  };
}

async function drained(
  ground: Ground,
  { url }: ClonedDatabase,
): Promise<{ stored: number; accepted: number }> {
  await until('drained', DRAINED_WITHIN_MS, 100, async () => {
    const { accepted, settled } = await ground.stream.counts();
    return accepted === settled;
  });
  const { accepted } = await ground.stream.counts();
  const [row] = await asOwner(url, (sql) => sql<{ count: string }[]>`SELECT count(*) FROM events`);
  return { stored: Number(row?.count), accepted };
}
