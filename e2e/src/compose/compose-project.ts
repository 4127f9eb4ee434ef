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
const PROJECT_LABEL = 'com.docker.compose.project';
/** The projects of this suite; each is named after the process that made it. */
const OWN_NAME = /^sluice-test-(\d+)(-[a-z]+)?$/;

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

  /**
   * Removes what runs of this suite left that were killed, or whose engine was: nobody else would, and
   * their containers start again with the engine.
   */
  static async removeLeftovers(): Promise<void> {
    const name = `{{.Label "${PROJECT_LABEL}"}}`;
    const found = await Promise.all([
      docker(['ps', '--all', '--format', name]),
      docker(['volume', 'ls', '--format', name]),
    ]);
    for (const left of new Set(found.join('').split('\n'))) {
      const [, pid] = OWN_NAME.exec(left) ?? [];
      if (pid === undefined || isAlive(Number(pid))) continue;
      console.log(`removing ${left}`);
      await (await ComposeProject.create(left)).remove();
    }
  }

  /** Everything of it: containers, networks, volumes, and the images built for it, replaced ones too. */
  async remove(): Promise<void> {
    const images = ['--rmi', 'local'];
    await this.compose(
      '--profile',
      '*',
      'down',
      '--volumes',
      ...images,
      '--remove-orphans',
      '--timeout',
      '5',
    );
    await docker(['image', 'prune', '--force', '--filter', `label=${PROJECT_LABEL}=${this.name}`]);
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

  /**
   * Stops and starts a container of a service.
   *
   * @returns the milliseconds from its start to its first answer that it is ready, at most.
   */
  async restart(service: string, port: number): Promise<number> {
    const { id } = await this.running(service);
    await docker(['restart', id]);
    const [{ startedAt, addresses }] = (await inspect([id])) as [Container];
    const url = `http://${addresses[`${this.name}_metrics`]}:${port}/readyz`;
    await until(`ready: ${service}`, BACK_WITHIN_MS, async () => {
      const { status } = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      return status === 200 ? undefined : `status ${status}`;
    });
    return Date.now() - startedAt;
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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
