/**
 * Everything that `pnpm start` runs, brought up from the bottom and taken down from the top: servers, stats, workers,
 * ingest; what has been started is taken down whether or not the rest came up.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate } from '@sluice/db/migrate';
import { allowLogin } from '@sluice/db/roles';
import type { StartConfig } from './config.ts';
import { keptPort } from './kept-port.ts';
import { launch, type Server } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { isLoud } from './loud-line.ts';
import { machineMemoryBytes } from './machine-memory.ts';
import { recordChildren } from './orphans.ts';
import type { PostgresOptions } from './postgres.ts';
import { startPostgres } from './postgres.ts';
import { untilReady } from './ready.ts';
import { startRedis } from './redis.ts';
import { rolePasswords, roleUrl } from './role-urls.ts';
import { type ServiceSpec, type ServiceSpecs, serviceSpecs } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';
import type { Terminal } from './terminal.ts';

/** Ready takes under a second when nothing is wrong; a Redis or Postgres of somebody's own may just be waking up. */
const READY_WITHIN_MS = 60_000;
/** After its death a service may have to wait for a server that died with it. */
const READY_AGAIN_WITHIN_MS = 24 * 60 * 60 * 1000;
/** A worker's last batch and ingest's last requests end within their own deadlines, which are shorter. */
const SERVICE_GRACE_MS = 20_000;
/** A backlog of this share of the memory, and ingest refuses instead of the machine running out. */
const REDIS_MEMORY_SHARE = 4;

export interface Stack {
  specs: ServiceSpecs;
  redisUrl: string;
  postgresUrl: string;
}

export interface BringUp {
  /** Settles when everything is ready; rejects with a reason for a person. */
  up(): Promise<Stack>;
  /** Takes down what is up, the top first. Goes on past a failure. */
  down(): Promise<void>;
}

/** Prepares to bring up what `config` asks for. `stopping` ends the way up at its next step. */
export function prepare(config: StartConfig, terminal: Terminal, stopping: AbortSignal): BringUp {
  const layers: Supervised[][] = [];
  const record = recordChildren(config.dataDir);
  const logDir = join(config.dataDir, 'logs');

  const keepServer = async (name: string, start: () => Promise<Server>): Promise<string> => {
    let url = '';
    const begin = async () => {
      const server = await start();
      url = server.url;
      return server;
    };
    layers.push([await supervise({ name, start: begin, say: terminal.line })]);
    return url;
  };

  const redis = async (): Promise<string> => {
    const port = await keptPort(config.dataDir, 'redis', 6379);
    const log = openLogFile(join(logDir, 'redis.log'));
    const options = {
      dir: join(config.dataDir, 'redis'),
      port,
      settings: { maxmemory: String(Math.floor(machineMemoryBytes() / REDIS_MEMORY_SHARE)) },
      onLine: log.write,
      onSpawn: (pid: number) => record('redis', pid, 'SIGTERM'),
    };
    return keepServer('redis', () => startRedis(options));
  };

  const postgres = async (): Promise<string> => {
    const port = await keptPort(config.dataDir, 'postgres', 5432);
    const log = openLogFile(join(logDir, 'postgres.log'));
    const options: PostgresOptions = {
      dir: join(config.dataDir, 'postgres'),
      port,
      onLine: log.write,
      onSpawn: (pid) => record('postgres', pid, 'SIGINT'),
    };
    return keepServer('postgres', () => startPostgres(options));
  };

  const service = async ({ name, entry, port, env }: ServiceSpec): Promise<Supervised> => {
    const log = openLogFile(join(logDir, `${name}.log`));
    const onLine = (line: string) => {
      log.write(line);
      if (isLoud(line)) terminal.line(`${name} | ${line}`);
    };
    const start = () => {
      return launch({
        command: process.execPath,
        args: [entry],
        env,
        cwd: config.projectDir,
        stopSignal: 'SIGTERM',
        graceMs: SERVICE_GRACE_MS,
        onLine,
        onSpawn: (pid) => record(name, pid, 'SIGTERM'),
      });
    };
    return supervise({
      name,
      start,
      ready: (running) => untilReady(name, running, port, READY_AGAIN_WITHIN_MS),
      say: terminal.line,
    });
  };

  /** The services of one layer, started side by side. */
  const services = async (specs: readonly ServiceSpec[]): Promise<void> => {
    const layer: Supervised[] = [];
    layers.push(layer);
    for (const spec of specs) layer.push(await service(spec));
  };

  const step = <T>(label: string, work: () => Promise<T>): Promise<T> => {
    stopping.throwIfAborted();
    return terminal.step(label, work);
  };

  return {
    async up() {
      await mkdir(logDir, { recursive: true, mode: 0o700 });
      const redisUrl = config.redisUrl ?? (await step('starting Redis', redis));
      const postgresUrl = config.databaseUrl ?? (await step('starting Postgres', postgres));
      const urls = await step('migrating the database', () => migrated(config, postgresUrl));
      const specs = await serviceSpecs(config, { redis: redisUrl, ...urls });
      await step('starting stats, workers and ingest', async () => {
        await services([specs.stats]);
        await services(specs.workers);
        await services([specs.ingest]);
        await allReady(layers.flat(), [specs.stats, ...specs.workers, specs.ingest]);
      });
      return { specs, redisUrl, postgresUrl };
    },
    async down() {
      for (const layer of layers.splice(0).toReversed()) {
        if (layer.length === 0) continue;
        const names = layer.map(({ name }) => name).join(', ');
        await terminal.step(`stopping ${names}`, () => Promise.all(layer.map((each) => each.stop())));
      }
    },
  };
}

/** Migrates, and returns the URLs by which services log in: a database that isn't ours is used as it is given. */
async function migrated(
  config: StartConfig,
  ownerUrl: string,
): Promise<{ workerDatabase: string; statsDatabase: string }> {
  await migrate(ownerUrl);
  if (config.databaseUrl !== undefined) return { workerDatabase: ownerUrl, statsDatabase: ownerUrl };
  await allowLogin(ownerUrl, rolePasswords(ownerUrl));
  return {
    workerDatabase: roleUrl(ownerUrl, 'sluice_worker'),
    statsDatabase: roleUrl(ownerUrl, 'sluice_stats'),
  };
}

async function allReady(supervised: readonly Supervised[], specs: readonly ServiceSpec[]): Promise<void> {
  const waits = specs.map(async ({ name, port }) => {
    const running = supervised.find((each) => each.name === name)?.current();
    if (running) await untilReady(name, running, port, READY_WITHIN_MS);
  });
  const reasons = (await Promise.allSettled(waits)).flatMap((wait) => {
    return wait.status === 'rejected'
      ? [wait.reason instanceof Error ? wait.reason.message : String(wait.reason)]
      : [];
  });
  if (reasons.length > 0) throw new Error(reasons.join('\n'));
}
