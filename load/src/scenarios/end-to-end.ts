/** The pipeline as a whole: the rate it holds, how fast an event can be asked for, what memory it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { median, percentile } from '../bench/percentile.ts';
import { bodies, TYPICAL } from '../bench/population.ts';
import { residentMib } from '../bench/process-tree.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { postBytes, startSender } from '../sender/start-sender.ts';
import { highestRate, holdRate } from './hold-rate.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';

const BATCH = 100;
/** Where the search begins; on two cores the answer is a few times this. */
const START_SINGLE_PER_SECOND = 5_000;
const START_BATCHED_PER_SECOND = 20_000;

export const sustained: Scenario = {
  name: 'sustained',
  title: 'the highest rate that the whole pipeline holds with a flat backlog',
  run: measureSustained,
};

export const latency: Scenario = {
  name: 'latency',
  title: 'from an accepted event to a report that has it, at half that rate',
  run: measureLatency,
};

export const memory: Scenario = {
  name: 'memory',
  title: 'memory of ingest and workers over time, at that rate',
  run: measureMemory,
};

async function measureSustained(run: Run): Promise<void> {
  await using pipeline = await startPipeline(run);
  const singles = await highestRate(run, pipeline, 'sustained, single events', 1, START_SINGLE_PER_SECOND);
  run.figure({
    scenario: 'sustained',
    name: 'accepted and stored, one event a request',
    value: singles,
    unit: 'events/s',
    note: 'one ingest, two workers, Redis, Postgres and the sender on the same cores; Zipf data',
  });
  await capacityOf(run, pipeline);
  const { stored, accepted } = await pipeline.drained();
  run.figure({
    scenario: 'sustained',
    name: 'events stored of those accepted',
    value: stored,
    unit: 'events',
    yardstick: { name: 'accepted', value: accepted },
    target: { of: 'ratio', bound: 'at least', limit: 1 },
  });
}

/** Events a second in batches of 100 that the pipeline holds, looked for once in a run. */
async function capacityOf(run: Run, pipeline: Pipeline): Promise<number> {
  if (run.capacity === undefined) {
    const batched = await highestRate(
      run,
      pipeline,
      'sustained, batches of 100',
      BATCH,
      START_BATCHED_PER_SECOND,
    );
    run.capacity = { batched };
    run.figure({
      scenario: 'sustained',
      name: 'accepted and stored, batches of 100',
      value: batched,
      unit: 'events/s',
      note: 'one ingest, two workers, Redis, Postgres and the sender on the same cores; Zipf data',
    });
  }
  return run.capacity.batched;
}

async function measureLatency(run: Run): Promise<void> {
  await using pipeline = await startPipeline(run);
  const half = Math.round((await capacityOf(run, pipeline)) / 2);
  run.progress.now(`latency: under ${half.toLocaleString('en-US')} events/s`);
  const background = await startSender(run.servers.dir, {
    port: Number(new URL(pipeline.ingest.url).port),
    requests: bodies(TYPICAL, 4, 200, BATCH).map((body) => postBytes('/events', body)),
    connections: 32,
    perSecond: half / BATCH,
    seconds: 0,
  });
  const tookMs: number[] = [];
  const until = performance.now() + run.by(6, 60) * 1_000;
  try {
    for (let probe = 0; performance.now() < until; probe += 1)
      tookMs.push(await queryableAfterMs(pipeline, probe));
  } finally {
    background.stop();
  }
  const sent = await background.done;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const note = `${tookMs.length} events one after the other, each asked for until a report has it; beside it ${Math.round((sent.answered * BATCH) / sent.seconds)} events/s`;
  const figure = { scenario: 'latency', unit: 'ms', note };
  run.figure({ ...figure, name: 'accepted → queryable, p50', value: percentile(sorted, 0.5) });
  run.figure({
    ...figure,
    name: 'accepted → queryable, p99',
    value: percentile(sorted, 0.99),
    target: { of: 'figure', bound: 'at most', limit: 1_000 },
  });
}

/** A report is asked for again after so long: what this adds is half of it. */
const ASK_AGAIN_MS = 2;
const NEVER_MS = 30_000;

/** From the answer to a POST to the answer of a GET that has it. */
async function queryableAfterMs({ ingest, stats }: Pipeline, probe: number): Promise<number> {
  const site = `probe-${probe}`;
  const event = { site_id: site, event_type: 'page_view', path: '/', user_id: 'probe' };
  const accepted = await fetch(`${ingest.url}/event`, { method: 'POST', body: JSON.stringify(event) });
  if (accepted.status !== 204) throw new Error(`a probe was answered ${accepted.status}`);
  const acceptedAt = performance.now();
  for (;;) {
    const day = new Date().toISOString().slice(0, 10);
    const report = await fetch(`${stats.url}/stats?site_id=${site}&date=${day}`);
    const { total_views: views } = (await report.json()) as { total_views?: number };
    if (views === 1) return performance.now() - acceptedAt;
    if (performance.now() - acceptedAt > NEVER_MS) throw new Error('an event was never queryable');
    await sleep(ASK_AGAIN_MS);
  }
}

async function measureMemory(run: Run): Promise<void> {
  await using pipeline = await startPipeline(run);
  const eventsPerSecond = await capacityOf(run, pipeline);
  const seconds = { quick: 10, normal: 120, full: 600 }[run.size];
  const startedAt = performance.now();
  const samples: { atS: number; ingest: number; worker: number }[] = [];
  let sampledAt = Number.NEGATIVE_INFINITY;
  const sample = () => {
    const atS = (performance.now() - startedAt) / 1_000;
    if (atS - sampledAt < seconds / 40) return;
    sampledAt = atS;
    run.progress.now(
      `memory: ${Math.round(atS)} of ${seconds} s at ${eventsPerSecond.toLocaleString('en-US')} events/s`,
    );
    const worker = Math.max(...pipeline.workers.map(({ pid }) => residentMib(pid)));
    samples.push({ atS, ingest: residentMib(pipeline.ingest.pid), worker });
  };
  await holdRate(run, pipeline, { eventsPerSecond, batch: BATCH, seconds }, sample);
  for (const each of samples) run.point('memory', each);
  reportMemory(run, samples, eventsPerSecond);
}

function reportMemory(
  run: Run,
  samples: readonly { readonly ingest: number; readonly worker: number }[],
  eventsPerSecond: number,
): void {
  const quarter = Math.floor(samples.length / 4);
  const note = `at ${Math.round(eventsPerSecond)} events/s in batches of 100`;
  for (const [name, limit] of [
    ['ingest', 200],
    ['worker', 300],
  ] as const) {
    const values = samples.map((each) => each[name]);
    const early = median(values.slice(quarter, 2 * quarter));
    const late = median(values.slice(-quarter));
    run.figure({
      scenario: 'memory',
      name: `${name}, the most`,
      value: Math.max(...values),
      unit: 'MiB',
      target: { of: 'figure', bound: 'at most', limit },
      note,
    });
    run.figure({
      scenario: 'memory',
      name: `${name}, last quarter`,
      value: late,
      unit: 'MiB',
      yardstick: { name: 'second quarter', value: early },
      // A quick run is over before the heap has its size.
      ...run.by({}, { target: { of: 'ratio', bound: 'at most', limit: 1.1 } } as const),
      note,
    });
  }
}
