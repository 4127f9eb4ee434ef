/** The settings of the stats service. */
import { integer, port, readConfig, serverUrl, serviceEntries, text } from '@sluice/service/config';
import * as v from 'valibot';

const schema = v.object({
  ...serviceEntries,
  HOST: text('0.0.0.0'),
  PORT: port(8_081),
  DATABASE_URL: serverUrl('postgres:', 'postgresql:'),
  /** Reports that are computed at once; more wait for their turn. */
  CONNECTIONS: integer(8, 1, 100),
  /** A report that takes longer is given up with 503. */
  REPORT_DEADLINE_MS: integer(5_000, 100, 600_000),
});

export type Config = v.InferOutput<typeof schema>;

/** @throws {ConfigError} naming every variable that is wrong. */
export function statsConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  return readConfig(schema, env);
}
