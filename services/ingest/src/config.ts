/** The settings of the ingest service. */
import { availableParallelism } from 'node:os';
import { integer, port, readConfig, serviceEntries, text } from '@sluice/service/config';
import { checkRedis, redisEntries } from '@sluice/service/redis-config';
import * as v from 'valibot';

/** Well above the cores of common machines: one process hands out all connections, and would come to its limit. */
const MAX_PROCESSES = 128;

const entries = {
  ...serviceEntries,
  HOST: text('0.0.0.0'),
  PORT: port(8_080),
  /** Processes behind the port; 0 is one for each core. */
  WEB_CONCURRENCY: v.pipe(
    integer(1, 0, MAX_PROCESSES),
    v.transform((processes) => processes || availableParallelism()),
  ),
  /** A request whose events aren't on disk by then is answered 503; they may still be stored. */
  APPEND_DEADLINE_MS: integer(1_500, 50, 60_000),
  /** Replicas that must have an append before it is a success; 0 leaves them to catch up by themselves. */
  WAIT_REPLICAS: integer(0, 0, 10),
  /** Events that may wait in all streams together before ingest says 503: an hour at 2,500 a second. */
  BACKLOG_HIGH_EVENTS: integer(9_000_000, 1, 10_000_000_000),
  /** The share of Redis' maxmemory that may be used before ingest says 503. */
  REDIS_MEMORY_HIGH_PERCENT: integer(85, 1, 100),
  /** Events older than this are refused; 0 keeps every age back to 1970. */
  RETENTION_DAYS: integer(0, 0, 100_000),
};

/** @throws {ConfigError} naming every variable that is wrong, or those that don't fit together. */
export function ingestConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const config = readConfig(v.object({ ...entries, ...redisEntries(env) }), env);
  checkRedis(config);
  return config;
}
