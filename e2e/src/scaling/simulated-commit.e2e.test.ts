/**
 * How far consumers scale when Postgres isn't what limits them: each worker's commit takes a fixed time and no
 * Postgres, as on one that has a core for each. The Redis, its consumer group and all else of the workers are real.
 */
import { expect, it } from 'vitest';
import { commitTakes } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import type { System } from '../system.ts';
import { addBacklog } from './hand-made-backlog.ts';

/** Long against the CPU that a batch takes, so that 32 workers fit two cores. */
const COMMIT_MS = 250;
const EVENTS_A_BATCH = 10;
const BATCHES_A_WORKER = 24;
/** Processes that start at once; a start takes half a second of CPU. */
const STARTED_AT_ONCE = 4;
const LEAST_SHARE_OF_LINEAR = 0.8;

it('1 to 32 workers whose commits take a fixed time → their throughput grows with their number', async () => {
  // Each worker keeps a connection for its upkeep.
  const system = await givenSystem({ ingests: 0, workers: 0, postgresSettings: { max_connections: '120' } });
  const rates = new Map<number, number>();
  for (const workers of [1, 2, 4, 8, 16, 32]) {
    await grow(system, workers);
    rates.set(workers, await drainedPerSecond(system, workers));
  }
  const one = rates.get(1) ?? 0;
  const shares = [...rates].map(([workers, rate]) => ({ workers, rate, share: rate / (workers * one) }));
  console.log('workers | events/s | of linear');
  for (const { workers, rate, share } of shares) {
    console.log(`${workers} | ${Math.round(rate)} | ${share.toFixed(2)}`);
  }
  for (const { share } of shares) expect(share).toBeGreaterThanOrEqual(LEAST_SHARE_OF_LINEAR);
});

/** Starts workers until there are so many. */
async function grow(system: System, workers: number): Promise<void> {
  const env = { WRITERS: '1', BATCH_MAX_EVENTS: String(EVENTS_A_BATCH) };
  while (system.workers.length < workers) {
    const missing = Math.min(STARTED_AT_ONCE, workers - system.workers.length);
    const started = Array.from({ length: missing }, () =>
      system.add('worker', { env, rewrites: [commitTakes(COMMIT_MS)] }),
    );
    await Promise.all(started);
  }
}

/** Events a second, with all workers there before the first event is. */
async function drainedPerSecond(system: System, workers: number): Promise<number> {
  const entries = workers * BATCHES_A_WORKER;
  const events = await addBacklog(system.redisUrl, { entries, eventsAnEntry: EVENTS_A_BATCH });
  const startedAt = performance.now();
  await system.drain(120_000);
  return events / ((performance.now() - startedAt) / 1_000);
}
