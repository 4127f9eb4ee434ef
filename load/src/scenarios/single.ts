/**
 * One event a request at 100 connections: Sluice beside bare servers, in turns.
 *
 * All of them run all the time and get the load one after the other, several rounds of it, so that a
 * machine that is slow for a while is slow for each. A figure is the median of its rounds.
 */
import { cpus } from 'node:os';
import { median } from '../bench/percentile.ts';
import { bodies, TYPICAL } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { blaster } from '../generators/blast.ts';
import { runHey } from '../generators/hey.ts';
import { type Child, startBareServer, startService } from '../system/child.ts';
import { findProgram } from '../system/find-program.ts';
import { type HttpCost, underLoad, withoutWorkers } from './http-load.ts';

const SCENARIO = 'single';
const CONNECTIONS = 100;
const BODIES = bodies(TYPICAL, 1, 2_000, 1);
/** The first seconds run unoptimised code. */
const WARM_UP_S = 2;
/** What the original's README measures itself with. */
const ORIGINAL_REQUESTS = '50000';

export const single: Scenario = {
  name: SCENARIO,
  title: 'one event a request, 100 connections, beside bare node:http servers',
  run: (run) => withoutWorkers(run, () => measure(run)),
};

async function measure(run: Run): Promise<void> {
  const { url: redisUrl } = await run.servers.redis();
  await using ingest = await startService('ingest', { env: { REDIS_URL: redisUrl } });
  await using coalesced = await startBareServer(redisUrl, 'coalesced');
  await using each = await startBareServer(redisUrl, 'xadd-each');
  await using none = await startBareServer(redisUrl, 'none');
  const subjects = { sluice: ingest, coalesced, each, none };
  const costs = await inTurns(run, subjects);
  report(run, costs);
  await originalLoad(run, subjects);
  await ingest.stop();
  await allCores(run, redisUrl, costs.sluice);
}

type Subject = 'sluice' | 'coalesced' | 'each' | 'none';

async function inTurns(
  run: Run,
  subjects: Readonly<Record<Subject, Child>>,
): Promise<Record<Subject, HttpCost>> {
  const rounds: Record<Subject, HttpCost[]> = { sluice: [], coalesced: [], each: [], none: [] };
  const [count, seconds] = run.by([2, 2], [5, 4]);
  for (let round = 0; round <= count; round += 1) {
    for (const [name, child] of Object.entries(subjects) as [Subject, Child][]) {
      run.progress.now(`single: ${name} by ${blaster().name}, round ${round} of ${count}`);
      const cost = await underLoad(run, loadOn(child, round === 0 ? WARM_UP_S : seconds));
      if (round > 0) rounds[name].push(cost);
      await run.stream.clear();
    }
  }
  return {
    sluice: middle(rounds.sluice),
    coalesced: middle(rounds.coalesced),
    each: middle(rounds.each),
    none: middle(rounds.none),
  };
}

function loadOn({ pid, url }: Child, seconds: number) {
  return { pid, url: `${url}/event`, connections: CONNECTIONS, seconds, bodies: BODIES };
}

/** Each figure by itself: the round with the median rate needn't have the median CPU time. */
function middle(rounds: readonly HttpCost[]): HttpCost {
  const of = (field: keyof HttpCost) => median(rounds.map((round) => round[field]));
  return {
    requests: of('requests'),
    seconds: of('seconds'),
    failed: of('failed'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    perSecond: of('perSecond'),
    cpuMicros: of('cpuMicros'),
    redisMicros: of('redisMicros'),
  };
}

function report(run: Run, { sluice, coalesced, each, none }: Record<Subject, HttpCost>): void {
  const note = `by ${blaster().name}, ${CONNECTIONS} connections`;
  const cpu = { scenario: SCENARIO, name: 'ingest CPU a request', value: sluice.cpuMicros, unit: 'µs', note };
  run.figure({
    ...cpu,
    yardstick: { name: 'bare server, same Redis work', value: coalesced.cpuMicros },
    target: { of: 'ratio', bound: 'at most', limit: 1.15 },
  });
  run.figure({ ...cpu, yardstick: { name: 'bare server, one XADD a request', value: each.cpuMicros } });
  run.figure({ ...cpu, yardstick: { name: 'bare server without Redis', value: none.cpuMicros } });
  run.figure({
    scenario: SCENARIO,
    name: 'Redis CPU a request',
    value: sluice.redisMicros,
    unit: 'µs',
    yardstick: { name: 'one XADD a request', value: each.redisMicros },
  });
  run.figure({
    scenario: SCENARIO,
    name: 'requests, one process',
    value: sluice.perSecond,
    unit: '/s',
    yardstick: { name: 'bare server, same Redis work', value: coalesced.perSecond },
    note,
  });
  run.figure({
    scenario: SCENARIO,
    name: 'p99 at that rate',
    value: sluice.p99Ms,
    unit: 'ms',
    yardstick: { name: 'bare server, same Redis work', value: coalesced.p99Ms },
    note,
  });
}

async function originalLoad(run: Run, { sluice, coalesced }: Record<Subject, Child>): Promise<void> {
  const program = findProgram('hey');
  if (program === undefined) return;
  const hey = async ({ url }: Child) => {
    run.progress.now('single: hey -n 50000 -c 100');
    const load = { url: `${url}/event`, connections: CONNECTIONS, bodies: BODIES, dir: run.servers.dir };
    const result = await runHey(program, load, ['-n', ORIGINAL_REQUESTS]);
    await run.stream.clear();
    return { ...result, perSecond: result.requests / result.seconds };
  };
  const [own, bare] = [await hey(sluice), await hey(coalesced)];
  const yardstick = 'bare server, same Redis work';
  const figure = { scenario: SCENARIO, note: 'hey sends one body; it takes about a core itself' };
  run.figure({
    ...figure,
    name: 'requests by hey -n 50000 -c 100',
    value: own.perSecond,
    unit: '/s',
    yardstick: { name: yardstick, value: bare.perSecond },
  });
  run.figure({
    ...figure,
    name: 'p99 by hey -n 50000 -c 100',
    value: own.p99Ms,
    unit: 'ms',
    yardstick: { name: yardstick, value: bare.p99Ms },
  });
}

async function allCores(run: Run, redisUrl: string, one: HttpCost): Promise<void> {
  const processes = cpus().length;
  const env = { REDIS_URL: redisUrl, WEB_CONCURRENCY: String(processes) };
  await using ingest = await startService('ingest', { env });
  run.progress.now(`single: WEB_CONCURRENCY=${processes}`);
  await underLoad(run, loadOn(ingest, WARM_UP_S));
  await run.stream.clear();
  const cost = await underLoad(run, loadOn(ingest, run.by(2, 5)));
  run.figure({
    scenario: SCENARIO,
    name: `requests, WEB_CONCURRENCY=${processes}`,
    value: cost.perSecond,
    unit: '/s',
    yardstick: { name: 'one process', value: one.perSecond },
    note: `the load generator shares the ${processes} cores`,
  });
}
