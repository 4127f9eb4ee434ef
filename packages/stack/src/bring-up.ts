/**
 * Everything that `pnpm start` runs, brought up from the bottom and taken down from the top: servers, stats, workers,
 * ingest; what has been started is taken down whether or not the rest came up.
 */
import { migrate } from '@sluice/db/migrate';
import { allowLogin } from '@sluice/db/roles';
import type { StartConfig } from './config.ts';
import type { Server } from './launch.ts';
import { recordChildren } from './orphans.ts';
import { ownPostgres, ownRedis } from './own-servers.ts';
import { untilReady } from './ready.ts';
import { rolePasswords, roleUrl } from './role-urls.ts';
import { runService } from './run-service.ts';
import { type ServiceSpec, type ServiceSpecs, serviceSpecs } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';
import type { Terminal } from './terminal.ts';

/** Ready takes seconds when nothing is wrong; a Redis or Postgres of somebody's own may just be waking up. */
const READY_WITHIN_MS = 60_000;

export interface Stack {
  specs: ServiceSpecs;
  redisUrl: string;
  postgresUrl: string;
}

export interface BringUp {
  /** Settles when everything is ready; rejects with a reason for a person. */
  up(): Promise<Stack>;
  /** Takes down what is up, the top first. */
  down(): Promise<void>;
}

/** Prepares to bring up what `config` asks for. `stopping` ends the way up at its next step. */
export function prepare(config: StartConfig, terminal: Terminal, stopping: AbortSignal): BringUp {
  const layers: Supervised[][] = [];
  const record = recordChildren(config.dataDir);

  const step = <T>(label: string, work: () => Promise<T>): Promise<T> => {
    stopping.throwIfAborted();
    return terminal.step(label, work);
  };
  const server = async (name: string, starter: Promise<() => Promise<Server>>): Promise<string> => {
    const start = await starter;
    let url = '';
    const first = async () => {
      const started = await start();
      url = started.url;
      return started;
    };
    layers.push([await supervise({ name, start: first, say: terminal.line })]);
    return url;
  };
  const layer = async (specs: readonly ServiceSpec[]): Promise<void> => {
    const started: Supervised[] = [];
    layers.push(started);
    for (const spec of specs) started.push(await runService(spec, config, record, terminal));
  };
  const services = async ({ stats, workers, ingest }: ServiceSpecs): Promise<void> => {
    for (const specs of [[stats], workers, [ingest]]) await layer(specs);
    await allReady(layers.flat(), [stats, ...workers, ingest], stopping);
  };

  return {
    async up() {
      const redisUrl =
        config.redisUrl ?? (await step('starting Redis', () => server('redis', ownRedis(config, record))));
      const postgresUrl =
        config.databaseUrl ??
        (await step('starting Postgres', () => server('postgres', ownPostgres(config, record))));
      const databases = await step('migrating the database', () => migrated(config, postgresUrl));
      const specs = await serviceSpecs(config, { redis: redisUrl, ...databases });
      await step('starting stats, workers and ingest', () => services(specs));
      return { specs, redisUrl, postgresUrl };
    },
    async down() {
      for (const started of layers.splice(0).toReversed()) {
        if (started.length === 0) continue;
        const names = started.map(({ name }) => name).join(', ');
        await terminal.step(`stopping ${names}`, () =>
          Promise.allSettled(started.map((each) => each.stop())),
        );
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

/** Settles when every service is ready, or when we are to stop. Rejects with the reasons of those that aren't. */
async function allReady(
  supervised: readonly Supervised[],
  specs: readonly ServiceSpec[],
  stopping: AbortSignal,
): Promise<void> {
  const waits = specs.map(async ({ name, port }) => {
    const running = supervised.find((each) => each.name === name)?.current();
    if (!running) throw new Error(`${name} ended at once`);
    await untilReady(name, running, port, READY_WITHIN_MS);
  });
  const stopped = Promise.withResolvers<[]>();
  stopping.addEventListener('abort', () => stopped.resolve([]), { once: true });
  const results = await Promise.race([Promise.allSettled(waits), stopped.promise]);
  const reasons = results.flatMap((wait) => {
    if (wait.status === 'fulfilled') return [];
    return [wait.reason instanceof Error ? wait.reason.message : String(wait.reason)];
  });
  if (reasons.length > 0) throw new Error(reasons.join('\n'));
}
