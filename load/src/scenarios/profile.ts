/**
 * Where the time goes in ingest and in a worker: V8's sampling profile of each under load.
 *
 * Profiled processes are slower, so nothing else is measured here.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bodies, HIGH_CARDINALITY, TYPICAL } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { startService } from '../system/child.ts';
import { type CpuProfile, monotonicMicros, partsOf } from './cpu-profile.ts';
import { drainBacklog } from './drain-backlog.ts';
import { underLoad, withoutWorkers } from './http-load.ts';

const WARM_UP_S = 2;

export const profile: Scenario = {
  name: 'profile',
  title: 'where the time goes in ingest and in a worker',
  run: async (run) => {
    await withoutWorkers(run, async () => {
      await profileIngest(run, 'single events', '/event', 1, 100);
      await profileIngest(run, 'batches of 100', '/events', 100, 32);
    });
    await profileWorker(run);
  },
};

async function profileIngest(
  run: Run,
  label: string,
  path: string,
  batch: number,
  connections: number,
): Promise<void> {
  run.progress.now(`profile: ingest, ${label}`);
  const { url: redisUrl } = await run.servers.redis();
  const dir = join(run.servers.dir, `profile-ingest-${batch}`);
  const ingest = await startService('ingest', { env: { REDIS_URL: redisUrl }, nodeArgs: profiling(dir) });
  const load = { pid: ingest.pid, url: `${ingest.url}${path}`, connections };
  const sent = bodies(TYPICAL, 5, Math.ceil(2_000 / batch), batch);
  await underLoad(run, { ...load, seconds: WARM_UP_S, bodies: sent });
  const fromMicros = monotonicMicros();
  await underLoad(run, { ...load, seconds: run.by(3, 8), bodies: sent });
  await ingest.stop();
  await run.stream.clear();
  run.profiles.push({ title: `ingest, ${label}`, parts: partsOf(await readProfile(dir), fromMicros) });
}

async function profileWorker(run: Run): Promise<void> {
  const database = await run.servers.database();
  const dir = join(run.servers.dir, 'profile-worker');
  try {
    const drained = await drainBacklog(run, 'profile: worker', {
      database,
      workers: 1,
      population: HIGH_CARDINALITY,
      events: run.by(200_000, 500_000),
      nodeArgs: profiling(dir),
    });
    run.profiles.push({
      title: 'worker, high cardinality',
      parts: partsOf(await readProfile(dir), drained.fromMicros),
    });
    const micros = {
      worker: drained.workerMicros,
      postgres: drained.postgresMicros,
      redis: drained.redisMicros,
    };
    const total = micros.worker + micros.postgres + micros.redis;
    const parts = Object.entries(micros).map(([name, value]) => ({
      name: `${name}: ${value.toFixed(1)} µs an event`,
      share: value / total,
    }));
    run.profiles.push({ title: 'CPU to store an event, by process', parts });
  } finally {
    await database.drop();
  }
}

function profiling(dir: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${dir}`];
}

/** The largest one: a process writes one for each of its threads. */
async function readProfile(dir: string): Promise<CpuProfile> {
  const names = await readdir(dir);
  const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  const [largest = ''] = texts.toSorted((a, b) => b.length - a.length);
  return JSON.parse(largest) as CpuProfile;
}
