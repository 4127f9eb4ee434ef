/** Fault 32: random JSON as events. */
import { Agent } from 'node:http';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { anyBody, rowOfBody } from '../any-event.ts';
import type { ExpectedRow } from '../contents.ts';
import { givenSystem } from '../given-system.ts';
import { compareRollups } from '../recount.ts';
import { seededRandom } from '../seed.ts';
import { post } from '../send.ts';
import { readStored, type StoredRow } from '../stored.ts';

const BODIES = 1_500;

it('fault 32: random JSON → 204 and a row equal to the normalised input, or 400; never 500', async () => {
  const { seed } = seededRandom();
  const system = await givenSystem();
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const taken = new Set<string>();
  const send = async (body: string) => {
    const { status } = await post('/event', body, { url: system.ingest.url, agent, answerWithinMs: 5_000 });
    if (status === 204) taken.add(body);
    expect([204, 400]).toContain(status);
  };
  await fc.assert(fc.asyncProperty(anyBody, send), { seed: seed | 0, numRuns: BODIES, endOnFailure: true });
  console.log(`${taken.size} different bodies of ${BODIES} taken`);
  expect(taken.size).toBeGreaterThan(BODIES / 4);

  await system.drain();
  const { rows, deadLetters } = await system.asOwner(readStored);
  expect(deadLetters).toEqual([]);
  const wanted = new Set([...taken].map((body) => inOneForm(rowOfBody(body))));
  const found = new Set(rows.map((row) => inOneForm(asExpected(row))));
  expect([...wanted.difference(found)].slice(0, 3)).toEqual([]);
  expect([...found.difference(wanted)].slice(0, 3)).toEqual([]);
  expect(await system.asOwner((sql) => compareRollups(sql, rows))).toEqual([]);
});

function asExpected({ timestamp, receivedAt, ...row }: StoredRow): ExpectedRow {
  return { ...row, timestamp: timestamp === receivedAt ? 'receipt' : timestamp };
}

/** The same text for equal rows, whatever the order of their keys. */
function inOneForm({ site_id, event_type, path, timestamp, properties, texts }: ExpectedRow): string {
  return JSON.stringify(sorted({ site_id, event_type, path, timestamp, properties, texts }));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => [key, sorted(each)]);
}
