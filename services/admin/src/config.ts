/** The settings of the `sluice` command. */
import { readConfig, serverUrl } from '@sluice/service/config';
import { checkRedis, redisEntries } from '@sluice/service/redis-config';
import * as v from 'valibot';

const databaseSchema = v.object({ DATABASE_URL: serverUrl('postgres:', 'postgresql:') });

type Environment = Readonly<Record<string, string | undefined>>;

/** What every command needs. @throws {ConfigError} */
export function databaseConfig(env: Environment = process.env): v.InferOutput<typeof databaseSchema> {
  return readConfig(databaseSchema, env);
}

/** What replaying needs besides. @throws {ConfigError} */
export function streamConfig(env: Environment = process.env) {
  const config = readConfig(v.object(redisEntries(env)), env);
  checkRedis(config);
  return config;
}
