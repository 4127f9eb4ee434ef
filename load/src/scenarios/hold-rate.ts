/** Whether the whole pipeline holds a rate of events: everything is accepted and the backlog stays flat. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodies, TYPICAL } from '../bench/population.ts';
import type { Run } from '../bench/run.ts';
import { postBytes, startSender } from '../sender/start-sender.ts';
import type { Pipeline } from './pipeline.ts';

export interface Rate {
  readonly eventsPerSecond: number;
  /** Events a request. */
  readonly batch: number;
  readonly seconds: number;
}

export interface Held {
  readonly held: boolean;
  /** Why not. */
  readonly reason: string;
  readonly acceptedPerSecond: number;
  /** Events accepted and not settled, at the end of the load. */
  readonly backlog: number;
}

const CONNECTIONS = { single: 100, batched: 32 };
const LOOK_EVERY_MS = 200;
/** Of what was asked for; less means that requests came late. */
const LEAST_ACCEPTED_SHARE = 0.97;
/** Workers commit batches, so a healthy backlog is a few of them; a second's worth isn't growing away. */
const MOST_BACKLOG_S = 1;
/** What the backlog may grow a second, as a share of the rate, before it isn't flat. */
const FLAT_SHARE = 0.03;
const BODIES = 20_000;

/** Loads the pipeline with a rate and watches its backlog. @param look called now and then meanwhile. */
export async function holdRate(
  run: Run,
  { ingest }: Pipeline,
  rate: Rate,
  look: () => void = () => undefined,
): Promise<Held> {
  const { eventsPerSecond, batch, seconds } = rate;
  const path = batch === 1 ? '/event' : '/events';
  const sender = await startSender(run.servers.dir, {
    port: Number(new URL(ingest.url).port),
    requests: bodies(TYPICAL, 3, Math.min(2_000, BODIES / batch), batch).map((body) => postBytes(path, body)),
    connections: batch === 1 ? CONNECTIONS.single : CONNECTIONS.batched,
    perSecond: eventsPerSecond / batch,
    seconds,
  });
  const samples: { atS: number; backlog: number }[] = [];
  const startedAt = performance.now();
  let sending = true;
  const done = sender.done.finally(() => {
    sending = false;
  });
  done.catch(() => undefined);
  while (sending) {
    const { accepted, settled } = await run.stream.counts();
    samples.push({ atS: (performance.now() - startedAt) / 1_000, backlog: accepted - settled });
    look();
    await sleep(LOOK_EVERY_MS);
  }
  const sent = await done;
  const acceptedPerSecond = (sent.answered * batch) / sent.seconds;
  const failed = Object.keys(sent.statuses).filter((status) => Number(status) >= 300);
  const backlog = samples.at(-1)?.backlog ?? 0;
  const late = samples.slice(Math.floor(samples.length / 3));
  const reason =
    failed.length > 0
      ? `answers were ${failed.join(', ')}`
      : acceptedPerSecond < eventsPerSecond * LEAST_ACCEPTED_SHARE
        ? 'ingest fell behind'
        : backlog > eventsPerSecond * MOST_BACKLOG_S && slope(late) > eventsPerSecond * FLAT_SHARE
          ? 'the backlog grew'
          : '';
  return { held: reason === '', reason, acceptedPerSecond, backlog };
}

/** Events a second by which the backlog grows: the line of least squares. */
function slope(samples: readonly { atS: number; backlog: number }[]): number {
  const mean = (of: (sample: { atS: number; backlog: number }) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [meanS, meanBacklog] = [mean(({ atS }) => atS), mean(({ backlog }) => backlog)];
  const covariance = mean(({ atS, backlog }) => (atS - meanS) * (backlog - meanBacklog));
  return covariance / mean(({ atS }) => (atS - meanS) ** 2);
}

/**
 * The highest rate that holds: doubling until one doesn't, then halving the interval.
 *
 * @param start events a second to begin with.
 * @returns events a second; 0 when not even a hundredth of `start` holds.
 */
export async function highestRate(
  run: Run,
  pipeline: Pipeline,
  label: string,
  batch: number,
  start: number,
): Promise<number> {
  const tryRate = async (eventsPerSecond: number) => {
    const rate = { eventsPerSecond: Math.round(eventsPerSecond), batch, seconds: run.by(3, 8) };
    run.progress.now(`${label}: ${rate.eventsPerSecond.toLocaleString('en-US')} events/s`);
    const { held, reason } = await holdRate(run, pipeline, rate);
    if (!held)
      run.progress.now(`${label}: ${rate.eventsPerSecond.toLocaleString('en-US')} events/s: ${reason}`);
    await pipeline.drained();
    return held;
  };
  let holds = start;
  while (!(await tryRate(holds))) {
    holds /= 2;
    if (holds < start / 100) return 0;
  }
  let fails = holds * 2;
  if (holds === start) {
    while (await tryRate(fails)) [holds, fails] = [fails, fails * 2];
  }
  for (let left = run.by(1, 4); left > 0; left -= 1) {
    const middle = Math.sqrt(holds * fails);
    if (await tryRate(middle)) holds = middle;
    else fails = middle;
  }
  return Math.round(holds);
}
