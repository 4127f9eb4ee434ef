/** The settings of the ingest service. */
import { integer, port, readConfig, serverUrl, serviceEntries, text } from '@sluice/service/config';
import * as v from 'valibot';

const schema = v.object({
  ...serviceEntries,
  HOST: text('0.0.0.0'),
  PORT: port(8_080),
  REDIS_URL: serverUrl('redis:', 'rediss:'),
  STREAM_KEY: text('sluice:events'),
  /** A request whose events aren't on disk by then is answered 503; they may still be stored. */
  APPEND_DEADLINE_MS: integer(1_500, 50, 60_000),
  /** Events that may wait in the stream before ingest says 503: an hour at 2,500 a second. */
  BACKLOG_HIGH_EVENTS: integer(9_000_000, 1, 10_000_000_000),
  /** The share of Redis' maxmemory that may be used before ingest says 503. */
  REDIS_MEMORY_HIGH_PERCENT: integer(85, 1, 100),
  /** Events older than this are refused; 0 keeps every age back to 1970. */
  RETENTION_DAYS: integer(0, 0, 100_000),
});

export type Config = v.InferOutput<typeof schema>;

/** @throws {ConfigError} naming every variable that is wrong. */
export function ingestConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return readConfig(schema, env);
}
