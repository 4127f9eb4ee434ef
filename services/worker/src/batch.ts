/** What a worker writes at once: the events of some entries, and what is left to do with the entries. */
import { type ReadEntry, readEntry } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import type { Delivery } from '@sluice/event/stream-scripts';
import type { DeadLetter } from './dead-letters.ts';

export interface Batch {
  readonly entries: readonly { readonly id: string; readonly n: number }[];
  readonly events: readonly SluiceEvent[];
  /** Lines that are no events, and entries that were delivered too often. */
  readonly broken: readonly DeadLetter[];
  /** Some of it may have been stored before. */
  readonly redelivered: boolean;
  /** By performance.now(); what is held long must be claimed anew. */
  readonly readAt: number;
}

/** @param maxDeliveries an entry delivered more often isn't looked into: it may be what killed its workers. */
export function batchOf(deliveries: readonly Delivery[], maxDeliveries: number): Batch {
  const entries: { id: string; n: number }[] = [];
  const events: SluiceEvent[] = [];
  const broken: DeadLetter[] = [];
  for (const { id, fields, deliveries: times } of deliveries) {
    const entry = times > maxDeliveries ? givenUp(fields, times) : readEntry(fields);
    entries.push({ id, n: entry.n });
    for (const event of entry.events) events.push(event);
    for (const { payload, problem } of entry.broken) broken.push({ payload, reason: problem, entryId: id });
  }
  const redelivered = deliveries.some((delivery) => delivery.deliveries > 1);
  return { entries, events, broken, redelivered, readAt: performance.now() };
}

function givenUp(fields: Delivery['fields'], times: number): ReadEntry {
  const payload = fields['events'] ?? JSON.stringify(fields);
  const n = Number(fields['n']) || 0;
  return { n, events: [], broken: [{ payload, problem: `delivered ${times} times without being stored` }] };
}
