/** `POST /events` with 1 to 1,000 events a request, beside a bare server that appends the body as it is. */
import { bodies, TYPICAL } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { blaster } from '../generators/blast.ts';
import { type Child, startBareServer, startService } from '../system/child.ts';
import { underLoad, withoutWorkers } from './http-load.ts';

const SCENARIO = 'batch';
const SIZES = [1, 10, 100, 1_000];
/** Enough to keep a server busy. */
const MOST_CONNECTIONS = 32;
/** With more, large bodies only wait in memory, and on a slow disk for longer than ingest lets them. */
const EVENTS_UNDER_WAY = 4_000;
/** Events in all bodies of a size: more than fit a processor's cache, little enough to be read at once. */
const EVENTS_IN_BODIES = 20_000;
const WARM_UP_S = 2;

export const batch: Scenario = {
  name: SCENARIO,
  title: 'batches of 1, 10, 100 and 1,000 events',
  run: (run) => withoutWorkers(run, () => measure(run)),
};

async function measure(run: Run): Promise<void> {
  const { url } = await run.servers.redis();
  await using ingest = await startService('ingest', { env: { REDIS_URL: url } });
  await using bare = await startBareServer(url, 'coalesced');
  for (const size of SIZES) {
    run.progress.now(`batch: ${size} events a request by ${blaster().name}`);
    const own = await costOf(run, ingest, size);
    const yardstick = await costOf(run, bare, size);
    report(run, size, own, yardstick);
  }
}

function connectionsFor(size: number): number {
  return Math.min(MOST_CONNECTIONS, EVENTS_UNDER_WAY / size);
}

interface Cost {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly redisMicros: number;
}

/** For each event, not for each request. */
async function costOf(run: Run, { pid, url }: Child, size: number): Promise<Cost> {
  const load = {
    pid,
    url: `${url}/events`,
    connections: connectionsFor(size),
    bodies: bodies(TYPICAL, size, Math.min(1_000, EVENTS_IN_BODIES / size), size),
  };
  await underLoad(run, { ...load, seconds: WARM_UP_S });
  await run.stream.clear();
  const cost = await underLoad(run, { ...load, seconds: run.by(2, 6) });
  await run.stream.clear();
  return {
    perSecond: cost.perSecond * size,
    cpuMicros: cost.cpuMicros / size,
    redisMicros: cost.redisMicros / size,
  };
}

function report(run: Run, size: number, own: Cost, bare: Cost): void {
  const name = 'bare server, body as it is';
  const note = `by ${blaster().name}, ${connectionsFor(size)} connections`;
  run.figure({
    scenario: SCENARIO,
    name: `events, batches of ${size.toLocaleString('en-US')}`,
    value: own.perSecond,
    unit: '/s',
    yardstick: { name, value: bare.perSecond },
    ...(size === 100 ? { target: { of: 'figure', bound: 'at least', limit: 250_000 } } : {}),
    note,
  });
  run.figure({
    scenario: SCENARIO,
    name: `ingest CPU an event, batches of ${size.toLocaleString('en-US')}`,
    value: own.cpuMicros,
    unit: 'µs',
    yardstick: { name, value: bare.cpuMicros },
    ...(size === 100 ? { target: { of: 'figure', bound: 'at most', limit: 3 } } : {}),
    note,
  });
  run.point('batch', {
    events: size,
    perSecond: own.perSecond,
    cpuMicros: own.cpuMicros,
    redisMicros: own.redisMicros,
  });
}
