import { join } from 'node:path';
import type { StartConfig } from './config.ts';
import { keptPort } from './kept-port.ts';
import type { Server } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { machineMemoryBytes } from './machine-memory.ts';
import type { RecordChild } from './orphans.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

/** With a backlog of this share of the memory ingest refuses, instead of the machine running out. */
const REDIS_MEMORY_SHARE = 4;

/** Settles the port of `pnpm start`'s own Redis; what it returns starts it there, as often as it is called. */
export async function ownRedis(config: StartConfig, record: RecordChild): Promise<() => Promise<Server>> {
  const port = await keptPort(config.dataDir, 'redis', 6379);
  const log = openLogFile(join(config.dataDir, 'logs', 'redis.log'));
  return () =>
    startRedis({
      dir: join(config.dataDir, 'redis'),
      port,
      settings: { maxmemory: String(Math.floor(machineMemoryBytes() / REDIS_MEMORY_SHARE)) },
      onLine: log.write,
      onSpawn: (pid) => record('redis', pid, 'SIGTERM'),
    });
}

/** The same for its own Postgres. */
export async function ownPostgres(config: StartConfig, record: RecordChild): Promise<() => Promise<Server>> {
  const port = await keptPort(config.dataDir, 'postgres', 5432);
  const log = openLogFile(join(config.dataDir, 'logs', 'postgres.log'));
  return () =>
    startPostgres({
      dir: join(config.dataDir, 'postgres'),
      port,
      onLine: log.write,
      onSpawn: (pid) => record('postgres', pid, 'SIGINT'),
    });
}
