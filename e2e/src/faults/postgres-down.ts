/** Fault 18 in both its lengths: Postgres is away at full load until the backlog is at its high-water mark. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { type LoadOptions, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { post } from '../send.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

export interface Outage {
  /** How long Postgres stays away after the high-water mark is reached. */
  readonly fullForMs: number;
  readonly highWaterEvents: number;
  readonly load: LoadOptions;
}

/** Batches are small here, so that a drain is many of them and its rate can be seen. */
const BATCH_MAX_EVENTS = '400';
const FULL_WITHIN_MS = 300_000;

export async function postgresDown({ fullForMs, highWaterEvents, load: options }: Outage): Promise<void> {
  const system = await givenSystem({
    env: { ingest: { BACKLOG_HIGH_EVENTS: String(highWaterEvents) }, worker: { BATCH_MAX_EVENTS } },
  });
  await system.postgres.kill('SIGQUIT');
  const startedAt = performance.now();
  const load = startLoad(system, options);
  await until('full', FULL_WITHIN_MS, () =>
    load.statuses['503'] === undefined ? `${load.sent} sent` : undefined,
  );
  const ingestRate = (load.acked.size * 1_000) / (performance.now() - startedAt);

  await sleep(fullForMs);
  await refusesWithAnHonestWait(system);
  const { accepted, settled } = await system.backlog();
  expect(settled).toBe(0);
  expect(accepted).toBeLessThanOrEqual(highWaterEvents);
  expect(accepted).toBeGreaterThan(highWaterEvents * 0.9);

  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204', '503']);
  // A full backlog is known beforehand: whoever was told 503 has surely left nothing here.
  expect((await system.backlog()).accepted).toBe(load.acked.size);
  await system.postgres.restart();
  const drainRate = await drainedAtRate(system);
  console.log(`in at ${Math.round(ingestRate)} events/s, drained at ${Math.round(drainRate)} events/s`);
  await assertNothingLostOrDoubled(system, load);
  expect(drainRate).toBeGreaterThan(2 * ingestRate);
  await system.ingest.ready();
}

async function refusesWithAnHonestWait(system: System): Promise<void> {
  const event = '{"site_id":"site-1","event_type":"refused"}';
  const reply = await post('/event', event, { url: system.ingest.url, answerWithinMs: 1_000 });
  expect(reply).toMatchObject({ status: 503, body: '{"error":"failed to push to queue"}' });
  // Nothing drains, so ingest can't know more than that it will take a while.
  expect('headers' in reply && Number(reply.headers['retry-after'])).toBeGreaterThan(1);
  const { status, body } = await system.ingest.probe('/readyz');
  expect([status, body]).toEqual([503, expect.stringContaining('backlog above its high-water mark')]);
}

/** Waits until the backlog is gone. @returns events settled a second, from the first that was. */
async function drainedAtRate(system: System): Promise<number> {
  let first: { readonly settled: number; readonly at: number } | undefined;
  let rate = 0;
  await until('drained', 60_000, async () => {
    const { accepted, settled } = await system.backlog();
    const at = performance.now();
    if (settled === 0) return 'nothing settled';
    if (first === undefined) first = { settled, at };
    else rate = ((settled - first.settled) * 1_000) / (at - first.at);
    return accepted === settled ? undefined : `${settled} of ${accepted} settled`;
  });
  return rate;
}
