/**
 * What keeps the tables and the group in shape, done by every worker now and then: partitions made
 * ahead, stripes of past days merged, counts folded, dead consumers removed. Each is safe to do twice at once.
 */
import type { Log } from '@sluice/service/log';
import type { Database } from './database.ts';
import type { WriteSlots } from './write-slots.ts';

const HOUR_MS = 3_600_000;
/** Partitions are a week ahead, so a failed hour costs nothing. */
const TABLES_INTERVAL_MS = HOUR_MS;
const GROUP_INTERVAL_MS = 60_000;
const FOLD_INTERVAL_MS = 3_000;
/** A report may find less than this unfolded while workers have time; a thousand events take it 3 to 4 ms. */
const LEAST_FOLDED_EVENTS = 250;
const LEAST_FOLDED_ROWS = 25;

/** Day partitions from yesterday to a week ahead. Fails as long as the schema isn't there. */
export async function ensurePartitions(database: Database): Promise<void> {
  await database.run('SELECT ensure_partitions()');
}

export interface UpkeepOptions {
  readonly database: Database;
  /** Counts are folded in a writer's place that nobody needs: storing comes first. */
  readonly slots: WriteSlots;
  /** Whether events wait to be stored: counts can wait longer. */
  readonly isBehind: () => boolean;
  readonly removeDeadConsumers: () => Promise<void>;
  readonly log: Log;
}

/** Starts the timers. @returns what ends them. */
export function startUpkeep({
  database,
  slots,
  isBehind,
  removeDeadConsumers,
  log,
}: UpkeepOptions): () => void {
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
  const fold = setInterval(
    attempt('fold', async () => {
      if (isBehind() || !slots.takeIfFree()) return;
      try {
        await database.run(`SELECT fold_days(${LEAST_FOLDED_EVENTS}, ${LEAST_FOLDED_ROWS})`);
      } finally {
        slots.giveBack();
      }
    }),
    FOLD_INTERVAL_MS,
  );
  return () => {
    clearInterval(tables);
    clearInterval(fold);
    clearInterval(group);
  };
}
