/** Fault 34, of any length: five times as many requests as ingest can take. */
import { expect } from 'vitest';
import { toilsome } from '../failpoints.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { RawClient } from '../raw-client.ts';
import { seededRandom } from '../seed.ts';
import { outcomeOf, type Send } from '../send.ts';
import type { System } from '../system.ts';

export interface Overload {
  readonly seconds: number;
  /** What must be left of the best goodput, as a share. */
  readonly goodput: number;
  /** Of the accepted, on a machine that has time for ingest; as much longer as it gets less of that. */
  readonly p99Ms: number;
}

/** What an event costs the ingest of these tests in CPU time, so that it is at its limit before its clients are. */
const TOIL_MS = 5;
const TIMES = 5;
const MEASURED_MS = 3_000;
/** Open from the start, as a gateway's are. With the ingest of these tests, all of them take seconds. */
const CONNECTIONS = 400;
const MAX_GROWTH_BYTES = 100 * 1_024 * 1_024;

/** Measures what an ingest can take, and offers it five times as much. */
export async function overloaded(system: System, { seconds, goodput, p99Ms }: Overload): Promise<void> {
  const random = seededRandom();
  const ingest = await system.add('ingest', { rewrites: [toilsome(TOIL_MS)] });
  const clients = await RawClient.connectMany(ingest.url, CONNECTIONS);
  // Node accepts one connection in a turn; when all have an answer, all are accepted.
  for (const client of clients) await client.ask('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n', p99Ms);
  const send = over(clients);
  const best = startLoad(system, { random, send, connections: 20, durationMs: MEASURED_MS });
  await best.done;
  const bestRate = best.acked.size / (MEASURED_MS / 1_000);
  // Of a core, that ingest gets here.
  const share = Math.min(1, (bestRate * TOIL_MS) / 1_000);
  const memoryBefore = await ingest.metric('process_resident_memory_bytes');
  const load = startLoad(system, {
    random,
    send,
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
  for (const client of clients) client.hangUp();
  for (const status of Object.keys(load.statuses)) expect(['204', '429', '503']).toContain(status);
  expect(load.latencyMs(204, 0.99)).toBeLessThan(p99Ms / share);
  expect(rate).toBeGreaterThan(goodput * bestRate);
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  await assertNothingLostOrDoubled(system, [best, load]);
}

/** `POST /event` over whichever of the clients is free: far cheaper than by node:http. */
function over(clients: readonly RawClient[]): Send {
  const free = [...clients];
  return async ([event], { answerWithinMs }) => {
    const client = free.pop();
    if (client === undefined || event === undefined) throw new Error('one event for each free client');
    const length = Buffer.byteLength(event.json);
    const request = `POST /event HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n${event.json}`;
    const status = await client.ask(request, answerWithinMs);
    free.push(client);
    return [{ outcome: outcomeOf(status), status }];
  };
}
