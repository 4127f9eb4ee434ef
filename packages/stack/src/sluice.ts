/**
 * `pnpm sluice …`: the operators' command, on what `pnpm start` runs.
 *
 * Adds the URLs of the servers in DATA_DIR to the environment, where none are given, and hands over.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readArguments, type StartConfig } from './config.ts';
import { lastPort } from './kept-port.ts';
import { postgresUrl } from './postgres.ts';

const parsed = readArguments([]);
if (parsed.kind !== 'start') {
  const problems = parsed.kind === 'wrong' ? parsed.problems : [];
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exit(2);
}
const { config } = parsed;
const entry = join(config.projectDir, 'services/admin/src/main.ts');
const { status } = spawnSync(process.execPath, [entry, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...(await urlsOf(config)) },
});
process.exit(status ?? 2);

/** What is missing stays missing: the command says which variable it needs. */
async function urlsOf({ dataDir, redisUrl, databaseUrl }: StartConfig): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  const redisPort = lastPort(dataDir, 'redis');
  const postgresPort = lastPort(dataDir, 'postgres');
  const redis = redisUrl ?? (redisPort === undefined ? undefined : `redis://127.0.0.1:${redisPort}`);
  if (redis !== undefined) urls['REDIS_URL'] = redis;
  const database =
    databaseUrl ??
    (postgresPort === undefined ? undefined : await postgresUrl(join(dataDir, 'postgres'), postgresPort));
  if (database !== undefined) urls['DATABASE_URL'] = database;
  return urls;
}
