/** Fault 29, with any number of them: clients that hold connections open beside those that have work to do. */
import { expect } from 'vitest';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { RawClient } from '../raw-client.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

export interface Crowd {
  /** Keep-alive connections that have asked once and then say nothing. */
  readonly idle: number;
  /** Of each kind: slow with their headers, slow with their body, silent from the start. */
  readonly slow: number;
  /** When all slow ones must be gone: ingest's longest time-out, and some. */
  readonly goneWithinMs: number;
}

/** The slow say a byte so often. */
const BYTE_EVERY_MS = 250;
const MAX_P99_MS = 1_000;

/** Lets them all in on the system's first ingest, and looks at what becomes of the others. */
export async function crowded(system: System, { idle, slow, goneWithinMs }: Crowd): Promise<void> {
  const { url } = system.ingest;
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 200 });
  const idlers = await RawClient.connectMany(url, idle);
  for (const client of idlers) await client.say('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
  await until('all idlers answered', 30_000, () => {
    const waiting = idlers.filter(({ status }) => status !== 200).length;
    return waiting === 0 ? undefined : `${waiting} wait`;
  });
  const [silent, inHeaders, inBody] = [
    await RawClient.connectMany(url, slow),
    await RawClient.connectMany(url, slow),
    await RawClient.connectMany(url, slow),
  ];
  for (const client of inHeaders) await client.say('POST /event HTTP/1.1\r\nhost: a\r\nx-slow: ');
  for (const client of inBody) {
    await client.say('POST /event HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{');
  }
  const dripping = setInterval(() => {
    for (const client of [...inHeaders, ...inBody]) void client.say('x');
  }, BYTE_EVERY_MS);
  const all = [...silent, ...inHeaders, ...inBody];
  try {
    await until('the slow gone', goneWithinMs, () => {
      const open = all.filter(({ isOpen }) => isOpen).length;
      return open === 0 ? undefined : `${open} of ${all.length} are still there`;
    });
    await load.stop();
    expect(new Set(silent.map(({ status }) => status))).toEqual(new Set([408]));
    // Whose byte crosses the answer may find the connection reset and the answer with it.
    const told = [...inHeaders, ...inBody].filter(({ status }) => status === 408);
    expect(told.length).toBeGreaterThan(slow);
    expect([...inHeaders, ...inBody].filter(({ status }) => status !== 408 && status !== undefined)).toEqual(
      [],
    );
    // Nobody was sent away who did no harm.
    expect(idlers.filter(({ isOpen }) => isOpen)).toHaveLength(idle);
  } finally {
    clearInterval(dripping);
    for (const client of [...idlers, ...all]) client.hangUp();
  }
  console.log(`p99 of the real load ${load.latencyMs(204, 0.99)} ms`);
  expect(Object.keys(load.statuses)).toEqual(['204']);
  expect(load.latencyMs(204, 0.99)).toBeLessThan(MAX_P99_MS);
  await assertNothingLostOrDoubled(system, load);
}
