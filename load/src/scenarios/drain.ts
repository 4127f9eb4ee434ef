/** A backlog stored by 1, 2 and 4 workers, beside what Postgres does with the same rows by itself. */
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { acceptedEvents, HIGH_CARDINALITY, type Population, TYPICAL } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { runProgram } from '../generators/run-program.ts';
import { asOwner } from '../system/servers.ts';
import { type Copied, copyFiles, copyRows } from '../yardsticks/copy.ts';
import { type Drained, drainBacklog } from './drain-backlog.ts';

const SCENARIO = 'drain';
const WORKERS = [1, 2, 4];
/** The number that `pnpm start` runs, and the targets are about. */
const USUAL_WORKERS = 2;
const INSERT_EACH = fileURLToPath(new URL('../yardsticks/insert-each/main.ts', import.meta.url));

export const drain: Scenario = {
  name: SCENARIO,
  title: 'a backlog stored by 1, 2 and 4 workers, beside \\copy and one INSERT an event',
  run: measure,
};

async function measure(run: Run): Promise<void> {
  const events = run.by(300_000, 1_000_000);
  const drained = new Map<number, Drained>();
  for (const workers of WORKERS) {
    drained.set(workers, await inNewDatabase(run, HIGH_CARDINALITY, workers, events));
  }
  const copies = await copyYardsticks(run, events);
  profileCopies(run, copies);
  const insertsPerSecond = await insertYardstick(run);
  for (const workers of WORKERS) {
    const each = drained.get(workers);
    if (each !== undefined)
      report(run, workers, each, workers === USUAL_WORKERS ? { ...copies, insertsPerSecond } : undefined);
  }
  const typical = await inNewDatabase(run, TYPICAL, USUAL_WORKERS, events);
  run.figure({
    scenario: SCENARIO,
    name: `events stored, ${USUAL_WORKERS} workers, typical`,
    value: typical.perSecond,
    unit: '/s',
    target: { of: 'figure', bound: 'at least', limit: 150_000 },
    note: 'Zipf: the k-th of 100 sites, 2,000 paths, 500,000 users in proportion to 1/k',
  });
}

async function inNewDatabase(
  run: Run,
  population: Population,
  workers: number,
  events: number,
): Promise<Drained> {
  const database = await run.servers.database();
  try {
    return await drainBacklog(run, `drain, ${population.label}`, { database, workers, population, events });
  } finally {
    await database.drop();
  }
}

interface Yardsticks {
  readonly withRollups: Copied;
  readonly withoutRollups: Copied;
  readonly insertsPerSecond: number;
}

async function copyYardsticks(run: Run, rows: number): Promise<Omit<Yardsticks, 'insertsPerSecond'>> {
  run.progress.now('drain: writing files for \\copy');
  const files = await copyFiles(acceptedEvents(HIGH_CARDINALITY, 1, rows), run.servers.dir);
  const { pid: postgresPid } = await run.servers.postgres();
  const copy = async (rollups: boolean) => {
    run.progress.now(`drain: \\copy ${rollups ? 'with' : 'without'} rollups`);
    const { url: databaseUrl, drop } = await run.servers.database();
    try {
      return await copyRows({ databaseUrl, postgresPid, files, rows, rollups });
    } finally {
      await drop();
    }
  };
  return { withoutRollups: await copy(false), withRollups: await copy(true) };
}

/** What the counts add to the rows. */
function profileCopies(
  run: Run,
  { withoutRollups, withRollups }: Omit<Yardsticks, 'insertsPerSecond'>,
): void {
  const total = withRollups.postgresMicros;
  const part = (name: string, micros: number) => ({
    name: `${name}: ${micros.toFixed(1)} µs an event`,
    share: micros / total,
  });
  run.profiles.push({
    title: `Postgres CPU, ${withRollups.program} of 10,000 rows at a time, high cardinality`,
    parts: [
      part('rows and their indexes', withoutRollups.postgresMicros),
      part('counts, by the trigger', total - withoutRollups.postgresMicros),
    ],
  });
}

/** Rows a second, without rollups: the kindest to it. */
async function insertYardstick(run: Run): Promise<number> {
  run.progress.now('drain: one INSERT an event');
  const { url, drop } = await run.servers.database();
  try {
    await asOwner(url, (sql) => sql`ALTER TABLE events DISABLE TRIGGER USER`);
    const env = { DATABASE_URL: url, SECONDS: String(run.by(2, 5)) };
    const printed = JSON.parse(await runProgram(execPath, [INSERT_EACH], env)) as {
      rows: number;
      seconds: number;
    };
    return printed.rows / printed.seconds;
  } finally {
    await drop();
  }
}

function report(run: Run, workers: number, drained: Drained, yardsticks: Yardsticks | undefined): void {
  const count = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  const note = '100 sites × 2,000 paths × 500,000 users, evenly; entries of 100 events';
  const stored = {
    scenario: SCENARIO,
    name: `events stored, ${count}, high cardinality`,
    value: drained.perSecond,
    unit: '/s',
    note,
  };
  run.point('drain', {
    workers,
    perSecond: drained.perSecond,
    workerMicros: drained.workerMicros,
    postgresMicros: drained.postgresMicros,
  });
  if (yardsticks === undefined) {
    run.figure(stored);
  } else {
    const { withoutRollups, withRollups, insertsPerSecond } = yardsticks;
    run.figure({ ...stored, target: { of: 'figure', bound: 'at least', limit: 100_000 } });
    run.figure({
      ...stored,
      yardstick: { name: `${withoutRollups.program} without rollups`, value: withoutRollups.perSecond },
      target: { of: 'ratio', bound: 'at least', limit: 0.7 },
    });
    run.figure({
      ...stored,
      yardstick: { name: `${withRollups.program} with rollups`, value: withRollups.perSecond },
    });
    run.figure({
      ...stored,
      yardstick: { name: 'one INSERT an event', value: insertsPerSecond },
      target: { of: 'ratio', bound: 'at least', limit: 45 },
    });
    run.figure({
      scenario: SCENARIO,
      name: 'Postgres CPU an event',
      value: drained.postgresMicros,
      unit: 'µs',
      yardstick: { name: `${withoutRollups.program} without rollups`, value: withoutRollups.postgresMicros },
      note,
    });
  }
  run.figure({
    scenario: SCENARIO,
    name: `worker CPU an event, ${count}`,
    value: drained.workerMicros,
    unit: 'µs',
    note,
  });
  run.figure({
    scenario: SCENARIO,
    name: `worker memory at its peak, ${count}`,
    value: drained.peakMib,
    unit: 'MiB',
    target: { of: 'figure', bound: 'at most', limit: 300 },
  });
}
