/** Fault 21: Postgres fails every write for a reason that passes: its disk is full, its statements time out. */
import { stat } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { givenSmallDisk } from '../small-disk.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

interface Subject {
  readonly name: string;
  readonly sqlstate: string;
  /** Makes it so. @returns what mends it. */
  readonly breaks: (system: System) => Promise<() => Promise<unknown>>;
}

const HIGH_WATER_EVENTS = 1_500;
const LEFT_BYTES = 512 * 1_024;

/** All tables on a disk that somebody fills up. */
async function fillDisk(system: System): Promise<() => Promise<void>> {
  const [server] = await system.asOwner((sql) => sql`SELECT current_setting('data_directory') AS dir`);
  const disk = await givenSmallDisk(32, await stat(server?.['dir']));
  await system.asOwner(async (sql) => {
    await sql.unsafe(`CREATE TABLESPACE small LOCATION '${disk.dir}'`);
    await sql.unsafe('ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE small');
    await sql.unsafe('ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE small');
  });
  await disk.fill(LEFT_BYTES);
  return () => disk.free();
}

/** What Postgres says of a full disk, where no disk can be mounted to be filled. */
async function sayDiskFull(system: System): Promise<() => Promise<unknown>> {
  return beforeInserts(system, `RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'`);
}

async function timeOut(system: System): Promise<() => Promise<unknown>> {
  const setTimeout = (setting: string) =>
    system.asOwner(async (sql) => {
      await sql.unsafe(`ALTER ROLE sluice_worker ${setting}`);
      // A role's settings are for its next connections.
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice_worker'`;
    });
  await setTimeout("SET statement_timeout = '400ms'");
  const drop = await beforeInserts(system, 'PERFORM pg_sleep(2)');
  return async () => {
    await drop();
    await setTimeout('RESET statement_timeout');
  };
}

async function beforeInserts(system: System, statement: string): Promise<() => Promise<unknown>> {
  await system.asOwner((sql) =>
    sql.unsafe(`
      CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement}; RETURN NULL; END $$;
      CREATE TRIGGER hinder BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION hinder()`),
  );
  return () => system.asOwner((sql) => sql`DROP TRIGGER hinder ON events`);
}

const subjects: readonly Subject[] = [
  {
    name: 'the disk of Postgres full',
    sqlstate: '53100',
    breaks: process.getuid?.() === 0 ? fillDisk : sayDiskFull,
  },
  { name: 'a trigger slower than the statement time-out', sqlstate: '57014', breaks: timeOut },
];

it.each(subjects)(
  'fault 21: $name ($sqlstate) → transient: tried again, 503 at the high-water mark',
  async ({ sqlstate, breaks }) => {
    const env = {
      ingest: { BACKLOG_HIGH_EVENTS: String(HIGH_WATER_EVENTS) },
      worker: { BATCH_MAX_EVENTS: '1000' },
    };
    const system = await givenSystem({ env });
    const mend = await breaks(system);
    const load = startLoad(system, { random: seededRandom(), connections: 40 });
    await until('full', 60_000, () => (load.statuses['503'] === undefined ? `${load.sent} sent` : undefined));
    for (const worker of system.workers) {
      await worker.logged('a transient fault', ({ fault, err }) => {
        return fault === 'transient' && (err as { code?: unknown } | undefined)?.code === sqlstate;
      });
    }
    await mend();
    await load.stop();
    expect(Object.keys(load.statuses)).toEqual(['204', '503']);
    const figures = await assertNothingLostOrDoubled(system, load);
    expect(figures).toMatchObject({ deadLettered: 0, redelivered: 0 });
  },
);
