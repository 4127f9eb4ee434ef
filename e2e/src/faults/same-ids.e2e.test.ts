/** Faults 23 and 27: events that arrive more than once, at the same time or on another day. */
import { expect, it } from 'vitest';
import { sendBatch } from '../batch-send.ts';
import { clockAhead } from '../clocks.ts';
import { createEvent, type SentEvent, sentEvent } from '../contents.ts';
import { givenSystem } from '../given-system.ts';
import { Ledger } from '../ledger.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { type Random, seededRandom } from '../seed.ts';
import { type Send, sendOne } from '../send.ts';
import type { ServiceProcess } from '../service-process.ts';

const ROUNDS = 4;
const BATCH_EVENTS = 4_000;

const DAY_MS = 86_400_000;
const ANY = { site_id: 'site-1', event_type: 'order' };

async function handOver(ledger: Ledger, send: Send, events: readonly SentEvent[], ingest: ServiceProcess) {
  const sentAt = Date.now();
  const answers = await send(events, { url: ingest.url, answerWithinMs: 10_000 });
  ledger.record(events, answers, sentAt, Date.now());
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const keyed = list.map((each) => [random.next(), each] as const);
  return keyed.toSorted(([a], [b]) => a - b).map(([, each]) => each);
}

it('fault 23: two writers with the same 4,000 ids in different orders → no deadlock', async () => {
  const random = seededRandom();
  const system = await givenSystem({
    env: { worker: { WRITERS: '1', BATCH_MAX_EVENTS: String(BATCH_EVENTS) } },
  });
  const ledger = new Ledger();
  for (let round = 0; round < ROUNDS; round += 1) {
    const events = Array.from({ length: BATCH_EVENTS }, (_, at) => createEvent(random, `round${round}`, at));
    const orders = [shuffled(events, random), shuffled(events, random)];
    await Promise.all(orders.map((order) => handOver(ledger, sendBatch, order, system.ingest)));
    await system.drain();
  }
  expect(ledger.statuses).toEqual({ 202: 2 * ROUNDS });
  const { stored } = await assertNothingLostOrDoubled(system, ledger);
  expect(stored).toBe(ROUNDS * BATCH_EVENTS);
  // A backend tells its share of the statistics when it ends, at the latest.
  await Promise.all(system.workers.map((worker) => worker.stop()));
  const [statistics] = await system.asOwner(
    (sql) => sql`SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`,
  );
  expect(statistics?.['deadlocks']).toBe(0);
});

it('fault 27: each event sent five times at once → one row', async () => {
  const random = seededRandom();
  const system = await givenSystem({ ingests: 2 });
  const ledger = new Ledger();
  const events = Array.from({ length: 200 }, (_, at) => createEvent(random, 'five', at));
  for (const event of events) {
    const ingests = Array.from({ length: 5 }, () => random.pick(system.ingests));
    await Promise.all(ingests.map((ingest) => handOver(ledger, sendOne, [event], ingest)));
  }
  expect(ledger.statuses).toEqual({ 204: 5 * events.length });
  const { stored } = await assertNothingLostOrDoubled(system, ledger);
  expect(stored).toBe(events.length);
  const duplicates = await Promise.all(
    system.workers.map((worker) => worker.metric('sluice_duplicate_events_total')),
  );
  expect(duplicates.reduce((sum, each) => sum + each)).toBe(4 * events.length);
});

it('fault 27: an event sent again on the next day → one row, if it says when it happened', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const today = system.ingest;
  const tomorrow = await system.add('ingest', { rewrites: [clockAhead('ingest', DAY_MS)] });
  const ledger = new Ledger();
  const sentAt = Date.now();
  const v7 = `${hex(sentAt, 12).replace(/(.{8})/, '$1-')}-7abc-8def-${hex(random.between(0, 2 ** 32 - 1), 12)}`;
  const events = [
    sentEvent({ ...ANY, event_id: 'with a timestamp', timestamp: sentAt }, sentAt),
    sentEvent({ ...ANY, event_id: 'with an hour of yesterday', timestamp: sentAt - DAY_MS }, sentAt - DAY_MS),
    sentEvent({ ...ANY, event_id: v7 }, 'receipt'),
  ];
  for (const event of events) await handOver(ledger, sendOne, [event], today);
  await system.drain();
  for (const event of events) await handOver(ledger, sendOne, [event], tomorrow);
  expect(ledger.statuses).toEqual({ 204: 2 * events.length });
  const { stored } = await assertNothingLostOrDoubled(system, ledger);
  expect(stored).toBe(events.length);
});

it("fault 27: another site's event_id → both sites' rows", async () => {
  const system = await givenSystem();
  const sites = ['site-1', 'site-2'];
  for (const site_id of sites) {
    const event = sentEvent({ ...ANY, site_id, event_id: 'order-1', timestamp: Date.now() }, 'receipt');
    await handOver(new Ledger(), sendOne, [event], system.ingest);
  }
  await system.drain();
  const rows = await system.asOwner(
    (sql) => sql`SELECT site_id FROM events WHERE event_id = 'order-1' ORDER BY 1`,
  );
  expect(rows.map(({ site_id }) => site_id)).toEqual(sites);
});

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
