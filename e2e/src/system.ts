/**
 * The whole of Sluice as processes, with a Redis and a Postgres of its own: what a fault happens to.
 *
 * Times are short against production's, so that a test sees a take-over within seconds. Nothing here
 * judges; that is the oracle's work.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@sluice/stack/postgres';
import { startRedis } from '@sluice/stack/redis';
import postgres from 'postgres';
import { type Backlog, readBacklog } from './backlog.ts';
import { RedisCluster } from './cluster/redis-cluster.ts';
import type { Rewrite } from './instrument.ts';
import { copyPristinePostgres, makePristinePostgres } from './pristine-postgres.ts';
import { ServerProcess } from './server-process.ts';
import { type ServiceName, ServiceProcess } from './service-process.ts';
import { type Proxies, startProxies, urlsOf } from './service-urls.ts';
import { stablePort } from './stable-port.ts';
import { until } from './until.ts';

export interface SystemOptions {
  readonly ingests?: number;
  readonly workers?: number;
  /** Settings of services, over those of TEST_SETTINGS. */
  readonly env?: { readonly [Name in ServiceName]?: Readonly<Record<string, string>> };
  readonly redisSettings?: Readonly<Record<string, string>>;
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** The stream in so many shards, on the one Redis. */
  readonly shards?: number;
  /** A Redis Cluster in place of the one Redis, with the stream in so many shards. */
  readonly cluster?: { readonly shards: number };
  /** With fsync, for a fault that needs it; without it what is committed survives the server's death too. */
  readonly durablePostgres?: boolean;
  /** Puts proxies between services and servers, which otherwise meet directly. */
  readonly proxied?: boolean;
  /** A folder of makePristinePostgres(); a new one is made when absent. */
  readonly pristinePostgres?: string;
}

/** What differs from the defaults in every service under test. */
export const TEST_SETTINGS: { readonly [Name in ServiceName]: Readonly<Record<string, string>> } = {
  ingest: {},
  // Above the lock time-out of the worker's role, which is 2 s.
  worker: { CLAIM_MIN_IDLE_MS: '4000', WRITE_DEADLINE_MS: '3000' },
  stats: {},
};

/** A private Postgres for one test is small; with the default a suite of them would need gigabytes. */
const POSTGRES_SETTINGS = { shared_buffers: '64MB', max_connections: '60' };
const DRAINED_WITHIN_MS = 30_000;

/** Starts the servers, ingests and workers, and resolves when all are ready. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  const postgresDir = join(dir, 'postgres');
  const pristine = options.pristinePostgres ?? (await makePristinePostgres());
  await copyPristinePostgres(pristine, postgresDir);
  if (options.pristinePostgres === undefined) await rm(pristine, { recursive: true });
  const [redisPort, postgresPort] = [await stablePort(), await stablePort()];
  const [redis, database] = await Promise.all([
    options.cluster === undefined
      ? ServerProcess.start(() =>
          startRedis({ dir: join(dir, 'redis'), port: redisPort, settings: { ...options.redisSettings } }),
        )
      : RedisCluster.start(join(dir, 'redis'), options.cluster.shards),
    ServerProcess.start(() =>
      startPostgres({
        dir: postgresDir,
        port: postgresPort,
        durable: options.durablePostgres ?? false,
        settings: { ...POSTGRES_SETTINGS, ...options.postgresSettings },
      }),
    ),
  ]);
  const proxies = options.proxied === true ? await startProxies(redisPort, postgresPort) : undefined;
  const system = new System(dir, redis, database, proxies, options);
  const starting: Promise<ServiceProcess>[] = [];
  for (let left = options.ingests ?? 1; left > 0; left -= 1) starting.push(system.add('ingest'));
  for (let left = options.workers ?? 2; left > 0; left -= 1) starting.push(system.add('worker'));
  try {
    await Promise.all(starting);
  } catch (error) {
    await system.close().catch(() => undefined);
    throw error;
  }
  return system;
}

export class System {
  readonly postgres: ServerProcess;
  /** The owner's URL of the database, directly. */
  readonly databaseUrl: string;
  /** Every service ever started, the ended ones too. */
  readonly services: ServiceProcess[] = [];
  readonly #counts = new Map<ServiceName, number>();
  readonly #dir: string;
  #redis: ServerProcess | RedisCluster;
  /** Of the one Redis, also while it is down. */
  #redisUrl = '';
  readonly #proxies: Proxies | undefined;
  readonly #options: SystemOptions;

  constructor(
    dir: string,
    redis: ServerProcess | RedisCluster,
    database: ServerProcess,
    proxies: Proxies | undefined,
    options: SystemOptions,
  ) {
    this.#dir = dir;
    this.#redis = redis;
    this.postgres = database;
    if (redis instanceof ServerProcess) this.#redisUrl = redis.url;
    this.databaseUrl = database.url;
    this.#proxies = proxies;
    this.#options = options;
  }

  /** The one Redis. @throws when there is a cluster. */
  get redis(): ServerProcess {
    if (this.#redis instanceof RedisCluster) throw new Error('the system has a cluster');
    return this.#redis;
  }

  get cluster(): RedisCluster | undefined {
    return this.#redis instanceof RedisCluster ? this.#redis : undefined;
  }

  get redisUrl(): string {
    return this.#redisUrl;
  }

  get ingests(): readonly ServiceProcess[] {
    return this.services.filter(({ service }) => service === 'ingest');
  }

  get workers(): readonly ServiceProcess[] {
    return this.services.filter(({ service }) => service === 'worker');
  }

  /** The first ingest. */
  get ingest(): ServiceProcess {
    return this.#first('ingest');
  }

  /** The first worker. */
  get worker(): ServiceProcess {
    return this.#first('worker');
  }

  /** @throws when the system was started without `proxied`. */
  get proxies(): Proxies {
    if (this.#proxies === undefined) throw new Error('the system was started without proxies');
    return this.#proxies;
  }

  /** Starts one more service and waits until it is ready. */
  async add(
    service: ServiceName,
    more: { readonly env?: Readonly<Record<string, string>>; readonly rewrites?: readonly Rewrite[] } = {},
  ): Promise<ServiceProcess> {
    const added = await this.spawn(service, more);
    await added.ready();
    return added;
  }

  /** Starts one more service and doesn't wait. */
  async spawn(
    service: ServiceName,
    more: { readonly env?: Readonly<Record<string, string>>; readonly rewrites?: readonly Rewrite[] } = {},
  ): Promise<ServiceProcess> {
    const number = (this.#counts.get(service) ?? 0) + 1;
    this.#counts.set(service, number);
    const env = {
      ...urlsOf(service, this, this.#proxies),
      ...(this.#options.shards === undefined ? {} : { STREAM_SHARDS: String(this.#options.shards) }),
      ...TEST_SETTINGS[service],
      ...this.#options.env?.[service],
      ...more.env,
    };
    const process = new ServiceProcess({
      service,
      label: `${service}-${number}`,
      port: await stablePort(),
      env,
      rewrites: more.rewrites ?? [],
    });
    this.services.push(process);
    await process.start();
    return process;
  }

  /** The stats service, started when it is first asked for. */
  async stats(): Promise<ServiceProcess> {
    const running = this.services.find(({ service, isRunning }) => service === 'stats' && isRunning);
    return running ?? this.add('stats');
  }

  /** The answer of GET /stats, whatever it is. */
  async report(siteId: string, date: string): Promise<{ status: number; body: string }> {
    const stats = await this.stats();
    return stats.probe(`/stats?${new URLSearchParams({ site_id: siteId, date })}`);
  }

  /** Leads all services to another Redis, which is the system's from now on; the one so far has ended. */
  failOver(redis: ServerProcess): void {
    this.#redis = redis;
    this.#redisUrl = redis.url;
    this.proxies.ingestRedis.retarget(redis.port);
    this.proxies.workerRedis.retarget(redis.port);
  }

  /** Runs queries as the database's owner, over a connection of their own. */
  async asOwner<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    const sql = postgres(this.databaseUrl, { max: 1, onnotice: () => undefined });
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 2 });
    }
  }

  /** What is accepted and not settled, as Redis has it. */
  backlog(): Promise<Backlog> {
    return this.cluster?.backlog() ?? readBacklog(this.redisUrl, this.#options.shards);
  }

  /** Waits until everything accepted is settled and the stream is empty. */
  async drain(withinMs = DRAINED_WITHIN_MS): Promise<void> {
    try {
      await until('drained', withinMs, async () => {
        const { accepted, settled, entries, pending } = await this.backlog();
        if (accepted === settled && entries === 0 && pending === 0) return undefined;
        return `${accepted} accepted, ${settled} settled, ${entries} entries, ${pending} of them pending`;
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.lastWords}`, {
        cause: error,
      });
    }
  }

  /** The last lines of every service's log. */
  get lastWords(): string {
    return this.services.map((service) => `  ${service.lastWords}`).join('\n');
  }

  /**
   * Stops everything and removes its data.
   *
   * @throws when a service that ran didn't exit with 0 on SIGTERM, after all is gone.
   */
  async close(): Promise<void> {
    const problems: string[] = [];
    for (const name of ['ingest', 'worker', 'stats'] as const) {
      const running = this.services.filter((each) => each.service === name && each.isRunning);
      await Promise.all(running.map((each) => stopService(each, problems)));
    }
    const proxies = this.#proxies === undefined ? [] : Object.values(this.#proxies);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all([this.#redis.stop(), this.postgres.stop()]);
    await rm(this.#dir, { recursive: true, force: true });
    if (problems.length > 0) throw new Error(`not a clean stop:\n${problems.join('\n')}`);
  }

  #first(service: ServiceName): ServiceProcess {
    const found = this.services.find((each) => each.service === service);
    if (found === undefined) throw new Error(`there is no ${service}`);
    return found;
  }
}

async function stopService(service: ServiceProcess, problems: string[]): Promise<void> {
  try {
    service.thaw();
    const { code } = await service.stop();
    if (code !== 0) problems.push(service.lastWords);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    if (service.isRunning) await service.kill('SIGKILL').catch(() => undefined);
  }
}
