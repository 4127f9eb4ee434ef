/**
 * The compose file as users run it: unchanged, built from this checkout, on a real engine. One project
 * for all tests, which go on from each other's state, in order.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { Ledger } from '../ledger.ts';
import { Load } from '../load.ts';
import { seededRandom } from '../seed.ts';
import { until } from '../until.ts';
import { assertNothingLostOrDoubled } from './compose-oracle.ts';
import { ComposeProject } from './compose-project.ts';
import { processesOf } from './container.ts';
import { DeathWatch } from './death-watch.ts';
import { docker } from './docker.ts';
import { alertsNow, dashboardQueries, type Query, ruleQueries, seriesOf } from './prometheus-queries.ts';

const MOST_IMAGE_BYTES = 350e6;
const MOST_BYTES_ABOVE_BASE = 100e6;
const READY_WITHIN_MS = 2_000;
/** The fastest of these counts: what a start takes, not what else two cores do meanwhile. */
const STARTS = 3;
/** Between faults, so that some load meets every state. */
const BETWEEN_MS = 2_000;
/** The engine and the load share two cores with the system under test. */
const EVENTS_A_SECOND = 200;
const ANSWER_WITHIN_MS = 10_000;
/** What the rates of the rules and the dashboard look back on, and a scrape. */
const SCRAPED_WITHIN_MS = 90_000;

const ASK_EVERY_MS = 1_000;
const LOCKED_MS = 5_000;

/** By SIGKILL. */
const KILLED = 137;
const ONE_SHOTS = ['secrets', 'migrate'];
/** Built again for every version; the others only when they change. */
const VERSIONED = ['migrate', 'ingest', 'worker', 'stats'];
const OWN_IMAGES = ['secrets', 'gateway', ...VERSIONED];

let project: ComposeProject;
let watch: DeathWatch;
const loads: Load[] = [];

beforeAll(async () => {
  project = await ComposeProject.create(`sluice-test-${process.pid}`);
  watch = new DeathWatch(project.name);
  await project.compose('build');
  const startedAt = performance.now();
  await project.compose('up', '--detach', '--wait', '--scale', 'ingest=2', '--scale', 'worker=3');
  console.log(`up in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  // Not the whole profile: where no image can be pulled there is no Grafana.
  await project.compose('up', '--detach', '--no-recreate', '--no-deps', '--no-build', 'prometheus');
});

afterAll(async () => {
  watch.stop();
  await project.remove();
});

/** @param resend tries what failed again, as a client with a queue does. */
function startLoad(resend = true): Load {
  const load = new Load([project.url], {
    random: seededRandom(),
    connections: 20,
    rate: EVENTS_A_SECOND,
    resend,
    answerWithinMs: ANSWER_WITHIN_MS,
  });
  loads.push(load);
  // A test that fails mustn't leave it to the next one.
  onTestFinished(() => load.stop());
  return load;
}

it.each([[[]], [['--file', 'docker/compose.yaml']], [['--profile', '*']], [['--env-file', '.env.example']]])(
  'is understood without a word: docker compose %j config',
  async (options) => {
    expect(await docker(['compose', ...options, 'config', '--quiet'])).toBe('');
  },
);

it('answers as the README says, through one port', async () => {
  const today = new Date().toISOString().slice(0, 10);
  const sent = await fetch(`${project.url}/event`, {
    method: 'POST',
    body: '{"site_id":"readme","event_type":"page_view","path":"/pricing","user_id":"user-xyz-789"}',
  });
  expect(sent.status).toBe(204);
  const batch = await fetch(`${project.url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '[{"site_id":"readme","event_type":"page_view"},{"site_id":"readme"}]',
  });
  expect(batch.status).toBe(202);
  expect(await batch.json()).toMatchObject({ accepted: 1, rejected: [{ index: 1 }] });
  await until('in the report', 30_000, async () => {
    const { body } = await project.report('readme', today);
    return body.includes('"total_views":2') ? undefined : body;
  });
  await project.asOwner(async (sql) => {
    await sql`DELETE FROM events WHERE site_id = 'readme'`;
    for (const table of [
      'hourly_counts',
      'unfolded',
      'folded_paths',
      'folded_visitors',
      'folded_visitor_counts',
    ]) {
      await sql`DELETE FROM ${sql(table)} WHERE site_id = 'readme'`;
    }
  });
});

it.each(['/metrics', '/readyz'])('keeps %s for the inside', async (path) => {
  expect(await project.get(path)).toMatchObject({ status: 404 });
});

describe('every container', () => {
  it('runs without root, without a capability, and can get neither', async () => {
    const problems: string[] = [];
    for (const { name, pid, state } of await project.containers()) {
      if (state !== 'running') continue;
      for (const { command, userIds, capabilities, noNewPrivileges } of await processesOf(pid)) {
        if (userIds.includes(0)) problems.push(`${name}: ${command} is root`);
        if (!noNewPrivileges) problems.push(`${name}: ${command} may get new privileges`);
        for (const [mask, value] of Object.entries(capabilities)) {
          if (value !== 0n) problems.push(`${name}: ${command} has ${mask} ${value.toString(16)}`);
        }
      }
    }
    expect(problems).toEqual([]);
  });

  it('is confined, those that have ended too', async () => {
    const containers = await project.containers();
    expect(containers.map(({ service }) => service).toSorted()).toEqual([
      'gateway',
      'ingest',
      'ingest',
      'migrate',
      'postgres',
      'prometheus',
      'redis',
      'secrets',
      'stats',
      'worker',
      'worker',
      'worker',
    ]);
    for (const container of containers) {
      expect(container).toMatchObject({
        readOnly: true,
        droppedCapabilities: ['ALL'],
        addedCapabilities: [],
      });
      expect(container.securityOptions).toContain('no-new-privileges:true');
      expect(container.user).not.toMatch(/^(|0|root)(:|$)/);
      expect(container.memoryBytes).toBeGreaterThan(0);
      expect(container.pidsLimit).toBeGreaterThan(0);
      if (ONE_SHOTS.includes(container.service))
        expect(container).toMatchObject({ state: 'exited', exitCode: 0 });
    }
  });

  it('publishes no port but the gateway, and Prometheus on the loopback', async () => {
    const published: Record<string, readonly string[]> = {
      gateway: ['8080/tcp', '8443/tcp'],
      prometheus: ['9090/tcp'],
    };
    for (const { service, publishedPorts } of await project.containers()) {
      expect(publishedPorts.toSorted(), service).toEqual(published[service] ?? []);
    }
    expect((await project.compose('port', 'prometheus', '9090')).trim()).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('has no password in its environment', async () => {
    const secrets = await Promise.all([
      project.secret('redis', 'operator-password'),
      project.secret('postgres', 'owner-password'),
      project.secret('worker', 'database-url'),
    ]);
    for (const { environment } of await project.containers()) {
      for (const secret of secrets) expect(environment.join('\n')).not.toContain(secret);
    }
  });

  it('is of a small image, with little above its base', async () => {
    const sizeOf = async (image: string) =>
      Number(await docker(['image', 'inspect', image, '--format', '{{.Size}}']));
    const bases = { node: await sizeOf('node:26-slim'), caddy: await sizeOf('caddy:2') };
    const sizes: string[] = [];
    for (const service of OWN_IMAGES) {
      const size = await sizeOf(`${project.name}-${service}`);
      const above = size - (service === 'gateway' ? bases.caddy : bases.node);
      sizes.push(`${service} ${Math.round(size / 1e6)} MB, ${Math.round(above / 1e6)} above its base`);
      expect(size, service).toBeLessThanOrEqual(MOST_IMAGE_BYTES);
      expect(above, service).toBeLessThanOrEqual(MOST_BYTES_ABOVE_BASE);
    }
    console.log(sizes.join(' · '));
  });

  it.each(OWN_IMAGES)('is of an image that says what it is: %s', async (service) => {
    const format = ['--format', '{{json .Config.Labels}}'];
    const labels = await docker(['image', 'inspect', `${project.name}-${service}`, ...format]);
    expect(JSON.parse(labels)).toMatchObject({
      'org.opencontainers.image.title': expect.stringMatching(/^sluice-/),
      'org.opencontainers.image.licenses': 'MIT',
      ...(VERSIONED.includes(service) && { 'org.opencontainers.image.version': 'first' }),
    });
  });
});

it.each([
  ['ingest', 8_080],
  ['worker', 8_082],
  ['stats', 8_081],
])('%s is ready soon after its start', async (service, port) => {
  const took: number[] = [];
  for (let start = 0; start < STARTS; start += 1) took.push(await project.restart(service, port));
  console.log(`${service} ready after ${took.join(', ')} ms`);
  expect(Math.min(...took)).toBeLessThanOrEqual(READY_WITHIN_MS);
  await project.healthy();
});

it.each([
  ['ingest', 'postgres'],
  ['stats', 'redis'],
  ['gateway', 'redis'],
  ['gateway', 'postgres'],
])('%s can not even find %s', async (service, server) => {
  const { id } = await project.running(service);
  await expect(docker(['exec', id, 'getent', 'hosts', server])).rejects.toThrow();
});

it.each([
  ['worker', 'WRITERS=many', 'WRITERS must be a whole number from 1 to 16'],
  ['stats', 'DATABASE_URL_FILE=', 'DATABASE_URL is required'],
])(
  'says which setting is wrong or missing, in one line, and ends: %s with %s',
  async (service, set, word) => {
    const run = project.compose('run', '--rm', '--no-deps', '-T', '-e', set, service);
    await expect(run).rejects.toThrow();
    const said = await run.catch((error: Error) => String((error.cause as { stdout?: string }).stdout));
    expect(said.trim().split('\n')).toEqual([expect.stringContaining(word)]);
  },
);

describe('under load', () => {
  let crashes = 0;
  let stops = 0;

  it('loses and doubles nothing while main processes are killed and workers are scaled', async () => {
    onTestFailed(async () => console.log(await project.logs()));
    const before = watch.deaths.length;
    const load = startLoad();
    for (const victim of ['worker', 'ingest', 'redis', 'postgres']) {
      await sleep(BETWEEN_MS);
      await project.crash(victim);
      crashes += 1;
    }
    for (const [from, to] of [
      [3, 6],
      [6, 1],
    ] as const) {
      await sleep(BETWEEN_MS);
      await project.scale('worker', to);
      stops += Math.max(0, from - to);
    }
    await sleep(BETWEEN_MS);
    await load.stop();
    await assertNothingLostOrDoubled(project, loads);

    const deaths = watch.deaths.slice(before);
    expect(deaths.filter(({ exitCode }) => exitCode === KILLED)).toHaveLength(crashes);
    expect(deaths.filter(({ exitCode }) => exitCode === 0)).toHaveLength(stops);
    expect(deaths).toHaveLength(crashes + stops);
  });

  it('shows it all: every query of the dashboard and of the alerts finds data', async () => {
    const load = startLoad();
    const queries = [...(await dashboardQueries()), ...(await ruleQueries(project.prometheusUrl))];
    let missing: readonly Query[] = queries;
    await until('all with data', SCRAPED_WITHIN_MS, async () => {
      await sleep(ASK_EVERY_MS);
      await project.report('any', '2026-01-01');
      const counts = await Promise.all(missing.map(({ expr }) => seriesOf(project.prometheusUrl, expr)));
      missing = missing.filter((_, at) => counts[at] === 0);
      return missing.length === 0
        ? undefined
        : missing.map(({ from, expr }) => `${from}: ${expr}`).join('\n');
    });
    console.log(
      `${queries.length} queries · alerts now: ${(await alertsNow(project.prometheusUrl)).join(', ') || 'none'}`,
    );
    await load.stop();
    await assertNothingLostOrDoubled(project, loads);
  });
});

describe('an upgrade', () => {
  it('replaces every replica, and no client notices', async () => {
    expect(await project.versions('ingest', 8_080)).toEqual(['first', 'first']);
    project.setVersion('second');
    await project.compose('build', 'migrate', 'worker', 'stats', 'ingest');
    const load = startLoad(false);
    await project.healthy();
    await project.script('rollout.sh');
    expect(await project.versions('ingest', 8_080)).toEqual(['second', 'second']);
    expect(await project.versions('worker', 8_082)).toEqual(['second']);
    expect(await project.versions('stats', 8_081)).toEqual(['second']);
    await load.stop();
    expect(load.statuses).toEqual({ 204: load.sent });
    await assertNothingLostOrDoubled(project, loads);
  });

  it('may lock the tables, and ingest goes on accepting', async () => {
    const load = startLoad(false);
    await project.asOwner((sql) =>
      sql.begin(async (migration) => {
        await migration`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`;
        await sleep(LOCKED_MS);
      }),
    );
    await load.stop();
    expect(load.statuses).toEqual({ 204: load.sent });
    await assertNothingLostOrDoubled(project, loads);
  });
});

it('asks Redis for nothing that a user of it may not do', async () => {
  const ask = 'REDISCLI_AUTH=$(cat /run/sluice/operator-password) redis-cli --user operator ACL LOG';
  expect((await project.compose('exec', '-T', 'redis', 'sh', '-c', ask)).trim()).toBe('');
});

it('verifies from the inside', async () => {
  expect(await project.compose('run', '--rm', '--build', '-T', 'admin', 'verify')).toContain(
    ', 0 differences',
  );
});

describe('a backup', () => {
  it('made under load, holds all that was accepted before, stored or not, and starts elsewhere', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-backup-'));
    const elsewhere = await ComposeProject.create(`${project.name}-restored`);
    onTestFinished(async () => {
      await elsewhere.remove();
      await rm(folder, { recursive: true });
    });
    await project.scale('worker', 0);
    const waiting = startLoad();
    await sleep(BETWEEN_MS);
    await waiting.stop();
    expect((await project.backlog()).entries).toBeGreaterThan(0);
    const before = [...loads];
    const meanwhile = startLoad();
    await project.script('backup.sh', folder);
    await meanwhile.stop();

    await elsewhere.script('restore.sh', folder);
    await assertNothingLostOrDoubled(elsewhere, [...before, nothingPromised(meanwhile)]);
    await expect(elsewhere.script('restore.sh', folder)).rejects.toThrow('there is a project already');
    await project.scale('worker', 2);
    await assertNothingLostOrDoubled(project, loads);
  });
});

/** What a load sent while a copy was made may be in the copy or not. */
function nothingPromised(load: Load): Ledger {
  const ledger = new Ledger();
  for (const sent of [load.acked, load.unknown])
    for (const [id, recorded] of sent) ledger.unknown.set(id, recorded);
  return ledger;
}

describe('down', () => {
  it('keeps the data', async () => {
    const rows = () =>
      project.asOwner(async (sql) => Number((await sql`SELECT count(*) FROM events`)[0]?.['count']));
    const before = await rows();
    await project.compose('--profile', '*', 'down');
    expect(await project.containers()).toEqual([]);
    await project.compose('up', '--detach', '--wait', '--no-build');
    expect(await rows()).toBe(before);
    await assertNothingLostOrDoubled(project, loads);
  });

  it('removes it when it is asked to', async () => {
    await project.compose('--profile', '*', 'down', '--volumes');
    const label = `label=com.docker.compose.project=${project.name}`;
    expect(await docker(['volume', 'ls', '--quiet', '--filter', label])).toBe('');
    expect(await docker(['network', 'ls', '--quiet', '--filter', label])).toBe('');
  });
});
