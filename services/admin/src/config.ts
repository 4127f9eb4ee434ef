/** The settings of the `sluice` command. */
import { readConfig, serverUrl, text } from '@sluice/service/config';
import * as v from 'valibot';

const databaseSchema = v.object({ DATABASE_URL: serverUrl('postgres:', 'postgresql:') });
const streamSchema = v.object({
  REDIS_URL: serverUrl('redis:', 'rediss:'),
  STREAM_KEY: text('sluice:events'),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** What every command needs. @throws {ConfigError} */
export function databaseConfig(env: Environment = process.env): v.InferOutput<typeof databaseSchema> {
  return readConfig(databaseSchema, env);
}

/** What replaying needs besides. @throws {ConfigError} */
export function streamConfig(env: Environment = process.env): v.InferOutput<typeof streamSchema> {
  return readConfig(streamSchema, env);
}
