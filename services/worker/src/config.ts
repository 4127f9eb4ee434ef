/** The settings of the worker. */
import { hostname } from 'node:os';
import {
  ConfigError,
  integer,
  port,
  readConfig,
  serverUrl,
  serviceEntries,
  text,
} from '@sluice/service/config';
import { checkRedis, redisEntries } from '@sluice/service/redis-config';
import * as v from 'valibot';

const entries = {
  ...serviceEntries,
  HOST: text('127.0.0.1'),
  PORT: port(8_082),
  DATABASE_URL: serverUrl('postgres:', 'postgresql:'),
  /** The name in the consumer group; must differ between processes. */
  CONSUMER: text(`${hostname()}-${process.pid}-${Date.now().toString(36)}`),
  /** Batches that are written at once, each on its own connection. */
  WRITERS: integer(2, 1, 16),
  /** Events of a batch when the worker is behind; a quiet one writes what it finds. */
  BATCH_MAX_EVENTS: integer(10_000, 1, 100_000),
  /**
   * A statement that takes longer is stuck: the process exits, and its entries are reclaimed. Above the
   * role's lock_timeout of 2 s, or waiting for a lock would look like that.
   */
  WRITE_DEADLINE_MS: integer(20_000, 2_500, 600_000),
  /** Entries whose consumer hasn't renewed its claim for so long are taken over. */
  CLAIM_MIN_IDLE_MS: integer(30_000, 200, 3_600_000),
  /**
   * An entry delivered more often kills workers: it is dead-lettered unread. The third delivery is the
   * first that it has alone; before that, what was beside it would be given up as well.
   */
  MAX_DELIVERIES: integer(5, 3, 1_000),
};

/** @throws {ConfigError} naming every variable that is wrong, or those that don't fit together. */
export function workerConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const config = readConfig(v.object({ ...entries, ...redisEntries(env) }), env);
  checkRedis(config);
  if (config.CLAIM_MIN_IDLE_MS <= config.WRITE_DEADLINE_MS) {
    throw new ConfigError([
      `CLAIM_MIN_IDLE_MS (${config.CLAIM_MIN_IDLE_MS}) must be above WRITE_DEADLINE_MS (${config.WRITE_DEADLINE_MS}): ` +
        'entries still being written would be taken over',
    ]);
  }
  return config;
}
