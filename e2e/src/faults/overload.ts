/** Fault 34, of any length: five times as many requests as ingest can take. */
import { expect } from 'vitest';
import { toilsome } from '../failpoints.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';

export interface Overload {
  readonly seconds: number;
  /** What must be left of the best goodput, as a share. */
  readonly goodput: number;
}

/** What an event costs the ingest of these tests in CPU time, so that it is at its limit before its clients are. */
const TOIL_MS = 5;
const TIMES = 5;
const MEASURED_MS = 3_000;
/** Enough to have so many requests under way; each waits for its answer. */
const CONNECTIONS = 1_000;
const MAX_P99_MS = 1_000;
const MAX_GROWTH_BYTES = 100 * 1_024 * 1_024;

/** Measures what an ingest can take, and offers it five times as much. */
export async function overloaded(system: System, { seconds, goodput }: Overload): Promise<void> {
  const random = seededRandom();
  const ingest = await system.add('ingest', { rewrites: [toilsome(TOIL_MS)] });
  const best = startLoad(system, { random, connections: 20, durationMs: MEASURED_MS });
  await best.done;
  const bestRate = best.acked.size / (MEASURED_MS / 1_000);
  /** Of a core, that ingest gets here. */
  const share = Math.min(1, (bestRate * TOIL_MS) / 1_000);
  const memoryBefore = await ingest.metric('process_resident_memory_bytes');
  const load = startLoad(system, {
    random,
    connections: CONNECTIONS,
    rate: TIMES * bestRate,
    durationMs: seconds * 1_000,
  });
  const startedAt = performance.now();
  await load.done;
  const rate = load.acked.size / ((performance.now() - startedAt) / 1_000);
  const growth = (await ingest.metric('process_resident_memory_bytes')) - memoryBefore;
  console.log(
    `${share.toFixed(2)} of a core, best ${Math.round(bestRate)}/s, offered ${Math.round(load.sent / seconds)}/s, taken ${Math.round(rate)}/s, ` +
      `p99 ${load.latencyMs(204, 0.99)} ms, memory + ${Math.round(growth / 1_024 / 1_024)} MiB, ` +
      JSON.stringify(load.statuses),
  );
  for (const status of Object.keys(load.statuses)) expect(['204', '429', '503']).toContain(status);
  expect(load.latencyMs(204, 0.99)).toBeLessThan(MAX_P99_MS);
  expect(rate).toBeGreaterThan(goodput * bestRate);
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  await assertNothingLostOrDoubled(system, [best, load]);
}
