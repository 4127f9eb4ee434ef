/** What tests of a consumer wait for. */
import type { SluiceEvent } from '@sluice/event/event';
import type { FileDatabase } from '@sluice/stack/testing/file-database';
import { expect, vi } from 'vitest';
import { BLOCK_MS } from '../batch-reader.ts';
import { storedIds } from './database.ts';
import type { OwnStream, Pending } from './stream.ts';

/** Work takes milliseconds, a fault for an operator is looked at every five seconds, and the machine may be busy. */
export const WITHIN = { timeout: 20_000, interval: 20 };

export const idsOf = (events: readonly SluiceEvent[]) => events.map(({ id }) => id).sort();

/** Waits until these events are stored, no others, and nothing is left of them in the stream. */
export async function expectStored(
  { client, keys, pending }: OwnStream,
  database: FileDatabase,
  events: readonly SluiceEvent[],
): Promise<void> {
  await vi.waitFor(async () => expect(await storedIds(database)).toEqual(idsOf(events)), WITHIN);
  await vi.waitFor(async () => expect(await client.xLen(keys.stream)).toBe(0), WITHIN);
  expect(await pending()).toEqual([]);
}

/** Nothing else is pending for longer than a turn of the loop takes. */
export async function staysPending(
  { pending }: OwnStream,
  expected: readonly Partial<Pending>[],
): Promise<void> {
  const since = performance.now();
  await vi.waitUntil(async () => {
    expect(await pending()).toMatchObject(expected);
    return performance.now() - since > 1.5 * BLOCK_MS;
  }, WITHIN);
}
