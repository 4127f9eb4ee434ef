/** Fault 22: days without a partition, and a Postgres that an operator must mend. */
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { type Load, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';
import { eventsOfManyDays } from './many-days.ts';

interface Subject {
  readonly name: string;
  readonly sqlstate: string;
  readonly breaks: (system: System) => Promise<unknown>;
  readonly mend: (system: System) => Promise<unknown>;
}

/** A real one: it is in recovery and waits for WAL that never comes, until it is promoted. */
async function becomeStandby(system: System): Promise<void> {
  const [server] = await system.asOwner((sql) => sql`SELECT current_setting('data_directory') AS dir`);
  await system.postgres.kill('SIGINT');
  await writeFile(`${server?.['dir']}/standby.signal`, '');
  await system.postgres.restart();
}

const subjects: readonly Subject[] = [
  {
    name: 'a read-only standby in place of the primary',
    sqlstate: '25006',
    breaks: becomeStandby,
    mend: (system) => system.asOwner((sql) => sql`SELECT pg_promote()`),
  },
  {
    name: 'INSERT revoked',
    sqlstate: '42501',
    breaks: (system) => system.asOwner((sql) => sql`REVOKE INSERT ON events FROM sluice_worker`),
    mend: (system) => system.asOwner((sql) => sql`GRANT INSERT ON events TO sluice_worker`),
  },
];

it.each(subjects)(
  'fault 22: $name → workers stop and alarm, nothing is dead-lettered, ingest goes on',
  async ({ sqlstate, breaks, mend }) => {
    // Nothing becomes a standby of a primary whose WAL is minimal, as a throwaway server's is.
    const system = await givenSystem({ postgresSettings: { wal_level: 'replica' } });
    await breaks(system);
    const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 400 });
    for (const worker of system.workers) {
      await worker.logged('an alarm', ({ level, fault, err }) => {
        const { code } = (err ?? {}) as { code?: unknown };
        return level === 'error' && fault === 'operator' && code === sqlstate;
      });
      expect((await worker.probe('/readyz')).status).toBe(503);
    }
    const pending = await pendingAfterMore(system, load);
    expect(await pendingAfterMore(system, load)).toBe(pending);
    await mend(system);
    await load.stop();
    expect(Object.keys(load.statuses)).toEqual(['204']);
    const figures = await assertNothingLostOrDoubled(system, load);
    expect(figures).toMatchObject({ deadLettered: 0, redelivered: 0 });
    for (const worker of system.workers) await worker.ready();
  },
);

/** Entries that workers hold, once 200 more events are on their way. */
async function pendingAfterMore(system: System, load: Load): Promise<number> {
  const sent = load.sent;
  await until('sent more', 20_000, () => (load.sent > sent + 200 ? undefined : `${load.sent - sent}`));
  return (await system.backlog()).pending;
}

it('fault 22: no partition for today → its events are in the default one, and in their own once it is made', async () => {
  const system = await givenSystem();
  await system.asOwner(async (sql) => {
    const days = await sql`
      SELECT to_char((now() AT TIME ZONE 'UTC')::date + ahead, '"events_"YYYY_MM_DD') AS name
      FROM generate_series(0, 1) AS ahead`;
    for (const { name } of days) await sql`DROP TABLE ${sql(name)}`;
  });
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 1_500 });
  await load.done;
  await system.drain();
  expect(await missed(system)).toBeGreaterThan(1_000);
  await system.worker.restart('SIGTERM');
  expect(await missed(system)).toBe(0);
  expect(load.statuses).toEqual({ 204: 1_500 });
  const { stored } = await assertNothingLostOrDoubled(system, load);
  expect(stored).toBe(1_500);
});

async function missed(system: System): Promise<number> {
  const [row] = await system.asOwner((sql) => sql`SELECT count(*)::int AS rows FROM events_missed`);
  return row?.['rows'] as number;
}

it('fault 22: event times over a thousand different days → all in the default partition, none is made', async () => {
  await eventsOfManyDays(1_000, seededRandom());
});
