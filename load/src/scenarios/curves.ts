/** How ingest behaves below and beyond its best point: more connections, higher rates, other fsyncs. */
import { median } from '../bench/percentile.ts';
import { bodies, TYPICAL } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { blaster } from '../generators/blast.ts';
import { postBytes, startSender } from '../sender/start-sender.ts';
import { type Child, startBareServer, startService } from '../system/child.ts';
import { type HttpCost, underLoad, withoutWorkers } from './http-load.ts';

const BODIES = bodies(TYPICAL, 2, 2_000, 1);
const WARM_UP_S = 2;

export const connections: Scenario = {
  name: 'connections',
  title: 'requests a second at 1 to 400 connections',
  run: (run) => withoutWorkers(run, () => overConnections(run)),
};

export const rates: Scenario = {
  name: 'rates',
  title: 'latency at rates up to saturation, an open loop',
  run: (run) => withoutWorkers(run, () => overRates(run)),
};

export const fsync: Scenario = {
  name: 'fsync',
  title: 'appendfsync always beside everysec',
  run: (run) => withoutWorkers(run, () => overPolicies(run)),
};

async function overConnections(run: Run): Promise<void> {
  const { url } = await run.servers.redis();
  await using ingest = await startService('ingest', { env: { REDIS_URL: url } });
  await using bare = await startBareServer(url, 'coalesced');
  await costOf(run, ingest, 100, WARM_UP_S);
  await costOf(run, bare, 100, WARM_UP_S);
  for (const count of [1, 10, 50, 100, 200, 400]) {
    run.progress.now(`connections: ${count} by ${blaster().name}`);
    const own = await costOf(run, ingest, count, run.by(1, 4));
    const yardstick = await costOf(run, bare, count, run.by(1, 4));
    run.point('connections', {
      connections: count,
      sluice: own.perSecond,
      bare: yardstick.perSecond,
      p99Ms: own.p99Ms,
      cpuMicros: own.cpuMicros,
    });
    run.figure({
      scenario: 'connections',
      name: `requests at ${count} connections`,
      value: own.perSecond,
      unit: '/s',
      yardstick: { name: 'bare server, same Redis work', value: yardstick.perSecond },
    });
  }
}

/** Shares of what a closed loop of 100 connections gets. */
const SHARES = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1];

async function overRates(run: Run): Promise<void> {
  const { url } = await run.servers.redis();
  await using ingest = await startService('ingest', { env: { REDIS_URL: url } });
  run.progress.now('rates: looking for the highest');
  await costOf(run, ingest, 100, WARM_UP_S);
  const { perSecond: highest } = await costOf(run, ingest, 100, run.by(2, 4));
  const requests = BODIES.map((body) => postBytes('/event', body));
  for (const share of SHARES) {
    const perSecond = Math.round(highest * share);
    run.progress.now(`rates: ${perSecond}/s`);
    const pace = {
      port: Number(new URL(ingest.url).port),
      requests,
      connections: 100,
      perSecond,
      seconds: run.by(2, 6),
    };
    const sent = await (await startSender(run.servers.dir, pace)).done;
    await run.stream.clear();
    run.point('rates', {
      perSecond,
      answered: sent.answered / sent.seconds,
      p50Ms: sent.p50Ms,
      p99Ms: sent.p99Ms,
    });
    if (share !== 0.5) continue;
    run.figure({
      scenario: 'rates',
      name: `p50 at ${perSecond}/s, half the highest`,
      value: sent.p50Ms,
      unit: 'ms',
    });
    run.figure({
      scenario: 'rates',
      name: `p99 at ${perSecond}/s, half the highest`,
      value: sent.p99Ms,
      unit: 'ms',
    });
  }
}

async function overPolicies(run: Run): Promise<void> {
  const { url } = await run.servers.redis();
  await using ingest = await startService('ingest', { env: { REDIS_URL: url } });
  await costOf(run, ingest, 100, WARM_UP_S);
  const costs: Readonly<Record<'everysec' | 'always', HttpCost[]>> = { everysec: [], always: [] };
  try {
    for (let round = run.by(1, 3); round > 0; round -= 1) {
      for (const policy of ['everysec', 'always'] as const) {
        run.progress.now(`fsync: ${policy}`);
        await run.stream.set('appendfsync', policy);
        costs[policy].push(await costOf(run, ingest, 100, run.by(2, 4)));
      }
    }
  } finally {
    await run.stream.set('appendfsync', 'always');
  }
  for (const [name, field, unit] of [
    ['requests', 'perSecond', '/s'],
    ['p99', 'p99Ms', 'ms'],
    ['ingest CPU a request', 'cpuMicros', 'µs'],
    ['Redis CPU a request', 'redisMicros', 'µs'],
  ] as const) {
    const of = (policy: 'everysec' | 'always') => median(costs[policy].map((cost) => cost[field]));
    run.figure({
      scenario: 'fsync',
      name: `${name}, appendfsync always`,
      value: of('always'),
      unit,
      yardstick: { name: 'everysec', value: of('everysec') },
      note: '100 connections',
    });
  }
}

async function costOf(run: Run, { pid, url }: Child, count: number, seconds: number): Promise<HttpCost> {
  const load = { pid, url: `${url}/event`, connections: count, seconds, bodies: BODIES };
  const cost = await underLoad(run, load);
  await run.stream.clear();
  return cost;
}
