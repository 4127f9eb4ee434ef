/** Fault 22 in both its lengths: events of many different days, as an import of old ones has. */
import { expect } from 'vitest';
import { sendBatch } from '../batch-send.ts';
import { type SentEvent, sentEvent } from '../contents.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import type { Random } from '../seed.ts';
import type { System } from '../system.ts';

const DAY_MS = 86_400_000;

export async function eventsOfManyDays(days: number, random: Random): Promise<void> {
  const system = await givenSystem();
  const before = await partitions(system);
  const load = startLoad(system, {
    ...{ random, connections: 2, count: days },
    ...{ create: eventOfDay, send: sendBatch, batch: 500 },
  });
  await load.done;
  expect(Object.keys(load.statuses)).toEqual(['202']);
  const { stored } = await assertNothingLostOrDoubled(system, load);
  expect(stored).toBe(days);
  expect(await partitions(system)).toEqual(before);
  const [old] = await system.asOwner((sql) => sql`SELECT count(*)::int AS rows FROM events_before`);
  expect(old?.['rows']).toBe(days);
}

/** The `index`-th event happened on the `index`-th day since 1970. */
function eventOfDay(random: Random, run: string, index: number): SentEvent {
  const timestamp = index * DAY_MS + random.between(0, DAY_MS - 1);
  const body = {
    ...{ site_id: 'import', event_type: 'page_view', event_id: `${run}-${index}`, user_id: 'user-1' },
    timestamp: new Date(timestamp).toISOString(),
  };
  return sentEvent(body, timestamp);
}

async function partitions(system: System): Promise<string[]> {
  const rows = await system.asOwner(
    (sql) => sql`SELECT relid::text AS name FROM pg_partition_tree('events') ORDER BY 1`,
  );
  return rows.map(({ name }) => name as string);
}
