/**
 * The settings that say where the stream is: one Redis or a Redis Cluster, one stream or several.
 * Ingest and worker have them in common and must be given the same ones.
 */
import * as v from 'valibot';
import { ConfigError, integer, serverUrl, serverUrls, text } from './config.ts';

/** With more, a worker's connections and reads cost more than the shards bring. */
const MAX_SHARDS = 256;
const PROTOCOLS = ['redis:', 'rediss:'] as const;

/** @param env decides which of the two ways to name servers is required. */
export function redisEntries(env: Readonly<Record<string, string | undefined>>) {
  const clustered = Boolean(env['REDIS_CLUSTER_URLS'] || env['REDIS_CLUSTER_URLS_FILE']);
  const url = serverUrl(...PROTOCOLS);
  return {
    REDIS_URL: clustered ? v.optional(url) : url,
    /** Some nodes of a Redis Cluster; the others are found through them. */
    REDIS_CLUSTER_URLS: v.optional(serverUrls(...PROTOCOLS)),
    STREAM_KEY: text('sluice:events'),
    /** Streams that the events are spread over; 0 is one stream, without a number in its key. */
    STREAM_SHARDS: integer(0, 0, MAX_SHARDS),
  };
}

interface RedisSettings {
  readonly REDIS_URL?: string | undefined;
  readonly REDIS_CLUSTER_URLS?: readonly string[] | undefined;
  readonly STREAM_KEY: string;
  readonly STREAM_SHARDS: number;
}

/** @throws {ConfigError} when the settings don't fit together. */
export function checkRedis({
  REDIS_URL,
  REDIS_CLUSTER_URLS,
  STREAM_KEY,
  STREAM_SHARDS,
}: RedisSettings): void {
  const problems: string[] = [];
  if (REDIS_URL !== undefined && REDIS_CLUSTER_URLS !== undefined) {
    problems.push('REDIS_URL and REDIS_CLUSTER_URLS exclude each other: name one Redis or a cluster');
  }
  if (REDIS_CLUSTER_URLS !== undefined && STREAM_SHARDS === 0) {
    problems.push(
      'STREAM_SHARDS is required with REDIS_CLUSTER_URLS: four to eight for each primary, the same everywhere',
    );
  }
  if (STREAM_SHARDS > 0 && /[{}]/.test(STREAM_KEY)) {
    problems.push("STREAM_KEY must have no braces with STREAM_SHARDS: the shard's number stands in them");
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
