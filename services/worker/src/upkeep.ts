/**
 * What keeps the tables and the group in shape, done by every worker now and then: partitions made
 * ahead, stripes of past days merged, dead consumers removed. Each is safe to do twice at once.
 */
import type { Log } from '@sluice/service/log';
import type { Database } from './database.ts';

const HOUR_MS = 3_600_000;
/** Partitions are a week ahead, so a failed hour costs nothing. */
const TABLES_INTERVAL_MS = HOUR_MS;
const GROUP_INTERVAL_MS = 60_000;

/** Day partitions from yesterday to a week ahead. Fails as long as the schema isn't there. */
export async function ensurePartitions(database: Database): Promise<void> {
  await database.run('SELECT ensure_partitions()');
}

/** Starts the timers. @returns what ends them. */
export function startUpkeep(
  database: Database,
  removeDeadConsumers: () => Promise<void>,
  log: Log,
): () => void {
  const attempt = (task: string, work: () => Promise<void>) => () => {
    work().catch((error: unknown) =>
      log.warn({ err: error, task }, 'upkeep failed and is tried again later'),
    );
  };
  const tables = setInterval(
    attempt('tables', async () => {
      await ensurePartitions(database);
      await database.run('SELECT merge_stripes()');
    }),
    TABLES_INTERVAL_MS,
  );
  const group = setInterval(attempt('consumers', removeDeadConsumers), GROUP_INTERVAL_MS);
  return () => {
    clearInterval(tables);
    clearInterval(group);
  };
}
