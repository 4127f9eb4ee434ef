/**
 * The stream in Redis, where ingest and worker meet: its group and its keys.
 *
 * Three keys belong together: the stream, how many events were ever accepted, and how many of them
 * are settled (stored or dead-lettered). An entry's events are added to `accepted` in the same step
 * as the entry, and to `settled` in the same step as its deletion, so that
 *
 *     backlog = accepted - settled
 *
 * holds at every moment, in events; and when the stream is empty any difference that is left is
 * exactly what was lost from it.
 */

/** The consumer group of all workers. */
export const GROUP = 'workers';

/** The keys of one stream. `key` may hold a hash tag (`sluice:events:{0}`), which keeps them on one node of a cluster. */
export interface StreamKeys {
  readonly stream: string;
  readonly accepted: string;
  readonly settled: string;
  readonly lost: string;
}

export function streamKeys(key: string): StreamKeys {
  return { stream: key, accepted: `${key}:accepted`, settled: `${key}:settled`, lost: `${key}:lost` };
}

/** One stream of several that share the load, or the only one. */
export interface Shard {
  /** Its number; `''` for the only one. */
  readonly name: string;
  readonly keys: StreamKeys;
}

/**
 * The streams `key:{0}` … `key:{n-1}`, each of which a cluster keeps on one node with its counters.
 *
 * @param shards 0 for the one stream `key`.
 */
export function shardsOf(key: string, shards: number): Shard[] {
  if (shards === 0) return [{ name: '', keys: streamKeys(key) }];
  return Array.from({ length: shards }, (_, at) => ({
    name: String(at),
    keys: streamKeys(`${key}:{${at}}`),
  }));
}
