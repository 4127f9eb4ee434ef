/** The client for a shard, wherever it is: on one Redis, or on a node of a cluster. */
import { ClusterClient } from './cluster-client.ts';
import type { Shard } from './stream.ts';
import { createStreamClient, type StreamClient, type StreamClientOptions } from './stream-client.ts';

export type ShardClient = StreamClient | ClusterClient;

/** As the settings of a service name it; one of the two. */
export interface RedisPlace {
  readonly REDIS_URL?: string | undefined;
  readonly REDIS_CLUSTER_URLS?: readonly string[] | undefined;
}

/** @throws when `place` names nothing. */
export function createShardClient(
  { REDIS_URL: url, REDIS_CLUSTER_URLS: urls }: RedisPlace,
  { keys }: Shard,
  options: Omit<StreamClientOptions, 'url'>,
): ShardClient {
  if (urls !== undefined) return new ClusterClient({ urls, key: keys.stream, ...options });
  if (url === undefined) throw new Error('neither a Redis nor a cluster is named');
  return createStreamClient({ url, ...options });
}

/** Runs commands on one connection, to the node that has the shard. */
export function onNode<T>(client: ShardClient, work: (node: StreamClient) => Promise<T>): Promise<T> {
  return client instanceof ClusterClient ? client.onNode(work) : work(client);
}
