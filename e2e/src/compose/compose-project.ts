/**
 * Sluice under docker compose, as the compose file has it, under a name and ports of its own so that it
 * leaves alone whatever else runs on this engine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@sluice/stack/free-port';
import postgres from 'postgres';
import { type Backlog, readBacklog } from '../backlog.ts';
import { until } from '../until.ts';
import { type Container, inspect } from './container.ts';
import { docker, script } from './docker.ts';

/** With everything built and two busy cores. */
const BACK_WITHIN_MS = 120_000;
const ANSWER_WITHIN_MS = 10_000;
/** Each look is a process that takes as long. */
const LOOK_EVERY_MS = 250;

export class ComposeProject {
  readonly name: string;
  /** The gateway. */
  readonly url: string;
  readonly prometheusUrl: string;
  #env: Readonly<Record<string, string>>;

  private constructor(name: string, port: number, prometheusPort: number) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
    this.#env = {
      COMPOSE_PROJECT_NAME: name,
      HTTP_PORT: `127.0.0.1:${port}`,
      PROMETHEUS_PORT: String(prometheusPort),
      SOURCE_VERSION: 'first',
    };
  }

  /** Nothing is started yet. @param name of letters, digits and dashes. */
  static async create(name: string): Promise<ComposeProject> {
    return new ComposeProject(name, await freePort(), await freePort());
  }

  /** Runs `docker compose ARGS`. @returns its standard output. */
  compose(...args: readonly string[]): Promise<string> {
    return docker(['compose', '--ansi', 'never', '--progress', 'plain', ...args], this.#env);
  }

  /** Runs one of the scripts in `docker/` on this project. */
  script(name: string, ...args: readonly string[]): Promise<string> {
    return script(name, args, this.#env);
  }

  /** What is built from now on says that it was built from this. */
  setVersion(version: string): void {
    this.#env = { ...this.#env, SOURCE_VERSION: version };
  }

  /** What each running container of a service says that it was built from. */
  async versions(service: string, port: number): Promise<string[]> {
    const ask = `fetch('http://127.0.0.1:${port}/livez').then((r) => r.json()).then((j) => console.log(j.version))`;
    const running = (await this.containers(service)).filter(({ state }) => state === 'running');
    return Promise.all(running.map(async ({ id }) => (await docker(['exec', id, 'node', '-e', ask])).trim()));
  }

  /** The containers of a service, or of all; those that ended too. */
  async containers(service?: string): Promise<Container[]> {
    const ids = await this.compose('ps', '--all', '--quiet', ...(service === undefined ? [] : [service]));
    return inspect(ids.split('\n').filter((id) => id !== ''));
  }

  /** One container of a service that runs. */
  async running(service: string): Promise<Container> {
    const found = (await this.containers(service)).find(({ state }) => state === 'running');
    if (found === undefined) throw new Error(`no ${service} runs`);
    return found;
  }

  /** Kills a container's main process, as a crash does, and waits until the restart policy has it back. */
  async crash(service: string): Promise<void> {
    const { id, name, pid, restarts } = await this.running(service);
    process.kill(pid, 'SIGKILL');
    await until(`back after kill -9: ${name}`, BACK_WITHIN_MS, async () => {
      await sleep(LOOK_EVERY_MS);
      const [now] = await inspect([id]);
      if (now === undefined || now.restarts === restarts) return 'not started again';
      return now.state === 'running' && now.health === 'healthy' ? undefined : `${now.state}, ${now.health}`;
    });
  }

  /** Waits until nobody is unhealthy: after a fault, health checks notice within their interval. */
  async healthy(): Promise<void> {
    await until('all healthy', BACK_WITHIN_MS, async () => {
      await sleep(LOOK_EVERY_MS);
      const sick = (await this.containers()).filter(({ health = 'healthy' }) => health !== 'healthy');
      return sick.length === 0 ? undefined : sick.map(({ name, health }) => `${name} ${health}`).join(', ');
    });
  }

  /** Changes the number of a service's containers, touching no other, and waits until all are healthy. */
  async scale(service: string, replicas: number): Promise<void> {
    // A container that is still unhealthy from a fault would end the wait at once.
    await this.healthy();
    const how = ['--no-recreate', '--no-deps', '--no-build', '--scale', `${service}=${replicas}`];
    await this.compose('up', '--detach', ...(replicas > 0 ? ['--wait'] : []), ...how, service);
  }

  /** What a container may read at /run/sluice. */
  async secret(service: string, file: string): Promise<string> {
    return (await this.compose('exec', '-T', service, 'cat', `/run/sluice/${file}`)).trim();
  }

  /** Runs queries as the tables' owner. */
  async asOwner<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    const password = await this.secret('postgres', 'owner-password');
    const host = await this.#addressOf('postgres', 'tables');
    const sql = postgres({
      host,
      username: 'sluice',
      password,
      database: 'sluice',
      max: 1,
      onnotice: () => undefined,
    });
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 2 });
    }
  }

  /** What is accepted and not settled, as Redis has it. */
  async backlog(): Promise<Backlog> {
    const password = await this.secret('redis', 'operator-password');
    return readBacklog(`redis://operator:${password}@${await this.#addressOf('redis', 'stream')}:6379`);
  }

  /** GET through the gateway. */
  async get(path: string): Promise<{ status: number; body: string }> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return { status: response.status, body: await response.text() };
  }

  report(siteId: string, date: string): Promise<{ status: number; body: string }> {
    return this.get(`/stats?${new URLSearchParams({ site_id: siteId, date })}`);
  }

  /** The last lines of what everybody said. */
  logs(lines = 20): Promise<string> {
    return this.compose('logs', '--no-color', '--tail', String(lines));
  }

  async #addressOf(service: string, network: string): Promise<string> {
    const { addresses } = await this.running(service);
    const address = addresses[`${this.name}_${network}`];
    if (!address) throw new Error(`${service} has no address in the network ${network}`);
    return address;
  }
}
