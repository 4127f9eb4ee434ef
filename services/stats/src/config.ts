/** The settings of the stats service. */
import { integer, oneOf, port, readConfig, serverUrl, serviceEntries, text } from '@sluice/service/config';
import * as v from 'valibot';

const entries = {
  ...serviceEntries,
  HOST: text('0.0.0.0'),
  PORT: port(8_081),
  /** Reports that are computed at once; more wait for their turn. */
  CONNECTIONS: integer(8, 1, 100),
  /** Off for a pgbouncer in transaction mode that doesn't keep track of them: planning costs a report a millisecond. */
  PREPARED_STATEMENTS: oneOf('on', ['on', 'off']),
  /** A report that takes longer is given up with 503. */
  REPORT_DEADLINE_MS: integer(5_000, 100, 600_000),
};

const databaseUrl = serverUrl('postgres:', 'postgresql:');

/**
 * DATABASE_URL is where reports are read, and what STATS_DATABASE_URL says where that is set: it may be a replica's.
 *
 * @throws {ConfigError} naming every variable that is wrong.
 */
export function statsConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const hasOwn = Boolean(env['STATS_DATABASE_URL'] || env['STATS_DATABASE_URL_FILE']);
  if (!hasOwn) return readConfig(v.object({ ...entries, DATABASE_URL: databaseUrl }), env);
  const ofStats = readConfig(v.object({ ...entries, STATS_DATABASE_URL: databaseUrl }), env);
  const { STATS_DATABASE_URL: DATABASE_URL, ...config } = ofStats;
  return { ...config, DATABASE_URL };
}
