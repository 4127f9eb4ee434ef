import { readFileSync } from 'node:fs';
import { Agent, get, request } from 'node:http';
import { connected, ownRedis } from '@sluice/event/testing/stream';
import { serving } from '@sluice/service/testing/http';
import type { NodeProcess } from '@sluice/service/testing/node-process';
import { freePort } from '@sluice/stack/free-port';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { eventsIn, type Ingest, ownIngest, startMain } from './testing/ingest-process.ts';
import { startLoad } from './testing/load.ts';

const EVENT = { site_id: 'site-1', event_type: 'page_view' };
const SOON = { timeout: 20_000, interval: 20 };
const THREE = { WEB_CONCURRENCY: '3' };

/** The ids of the children that run, as their own log has them. */
function childrenOf({ pid, lines }: NodeProcess): number[] {
  const pids = lines.filter(({ msg }) => msg === 'listening').map((line) => Number(line['pid']));
  return pids.filter((child) => child !== pid && isRunning(child));
}

/** A zombie, which nobody may reap in a container, doesn't run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return (
      process.platform !== 'linux' || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    );
  } catch {
    return false;
  }
}

/** Three processes, all of which are there and connected. */
async function ownThree(redisUrl = inject('redisUrl')): Promise<Ingest> {
  const ingest = await ownIngest(redisUrl, THREE);
  await haveThree(ingest);
  return ingest;
}

const haveThree = (ingest: Ingest) =>
  vi.waitFor(async () => {
    expect(childrenOf(ingest)).toHaveLength(3);
    const connections = ingest.lines.filter(({ msg }) => msg === 'connected to Redis');
    const pids = new Set(connections.map((line) => Number(line['pid'])));
    expect([...pids]).toEqual(expect.arrayContaining(childrenOf(ingest)));
  }, SOON);

/** Posts over a connection of its own, which the next child gets. @returns the status. */
function postAlone(port: number, event: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request({ port, agent: false, method: 'POST', path: '/event' });
    asking.on('response', (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
    asking.end(JSON.stringify(event));
  });
}

/** The metrics as whoever gets a new connection says them. */
function metricsOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, path: '/metrics', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

/** The value of a metric, whatever its labels. */
const figureOf = (text: string, name: string) =>
  Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);

/** Holds `connections` open and posts over each in turn. @returns the statuses. */
async function postOverMany(port: number, connections: number, events: number): Promise<number[]> {
  const agents = Array.from({ length: connections }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  onTestFinished(() => {
    for (const agent of agents) agent.destroy();
  });
  const post = (agent: Agent, event_id: string) =>
    new Promise<number>((resolve, reject) => {
      const asking = request({ port, agent, method: 'POST', path: '/event' });
      asking.on('error', reject).on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      asking.end(JSON.stringify({ ...EVENT, event_id }));
    });
  const statuses = agents.flatMap((agent, name) =>
    Array.from({ length: events / connections }, (_, at) => post(agent, `${name}-${at}`)),
  );
  return Promise.all(statuses);
}

describe('three processes behind one port', () => {
  it('answer 204 for what is in the stream, and add up their metrics exactly', async () => {
    const ingest = await ownThree();
    expect(await postOverMany(ingest.port, 30, 300)).toEqual(Array(300).fill(204));
    const refused = Array.from({ length: 30 }, () => postAlone(ingest.port, { site_id: 'site-1' }));
    expect(await Promise.all(refused)).toEqual(Array(30).fill(400));

    const events = await eventsIn(await connected(), ingest.keys);
    expect(new Set(events.map(({ event_id }) => event_id))).toHaveLength(300);
    for (let asked = 0; asked < 6; asked += 1) {
      const text = await metricsOf(ingest.port);
      expect(figureOf(text, 'sluice_accepted_events_total')).toBe(300);
      expect(figureOf(text, 'sluice_append_events_sum')).toBe(300);
      expect(text).toMatch(/^sluice_append_events_bucket\{le="5000",service="ingest"\} \d+$/m);
      expect(text).toMatch(/^sluice_refused_total\{reason="missing_required",service="ingest"\} 30$/m);
      expect(figureOf(text, 'sluice_processes')).toBe(3);
      // Each sees the same stream; three times its backlog would be wrong.
      expect(figureOf(text, 'sluice_backlog_events')).toBe(300);
      expect(figureOf(text, 'sluice_disk_free_ratio')).toBeLessThanOrEqual(1);
      expect(figureOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(150e6);
      expect(figureOf(text, 'process_start_time_seconds')).toBeGreaterThan(1.7e9);
      expect(text).not.toMatch(/ (null|undefined)$/m);
    }
  });

  it('go on when one is killed, which comes back, and no counter falls', async () => {
    const ingest = await ownThree();
    await postOverMany(ingest.port, 30, 300);
    expect(figureOf(await metricsOf(ingest.port), 'sluice_accepted_events_total')).toBe(300);
    const [victim = 0, ...others] = childrenOf(ingest);
    process.kill(victim, 'SIGKILL');
    expect(await ingest.logged('a process died, starting another')).toMatchObject({
      level: 'error',
      pid: ingest.pid,
      child: victim,
      signal: 'SIGKILL',
    });
    expect(childrenOf(ingest)).toEqual(others);
    const statuses = Array.from({ length: 20 }, () => postAlone(ingest.port, EVENT));
    expect(await Promise.all(statuses)).toEqual(Array(20).fill(204));
    await haveThree(ingest);
    const text = await metricsOf(ingest.port);
    expect(figureOf(text, 'sluice_accepted_events_total')).toBe(320);
    expect(figureOf(text, 'sluice_process_restarts_total')).toBe(1);
  });

  it('tell their metrics soon while one hangs, with what that one last told', async () => {
    const ingest = await ownThree();
    await postOverMany(ingest.port, 30, 300);
    await metricsOf(ingest.port);
    const [hung = 0] = childrenOf(ingest);
    process.kill(hung, 'SIGSTOP');
    onTestFinished(() => void (isRunning(hung) && process.kill(hung, 'SIGCONT')));
    // One connection is dealt to the one that hangs, and then no other.
    const statuses: number[] = [];
    const posts = Array.from({ length: 10 }, async () => statuses.push(await postAlone(ingest.port, EVENT)));
    await vi.waitUntil(() => statuses.length >= 9, SOON);
    const startedAt = performance.now();
    const text = await metricsOf(ingest.port);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(figureOf(text, 'sluice_accepted_events_total')).toBe(309);
    expect(figureOf(text, 'sluice_processes')).toBe(2);
    process.kill(hung, 'SIGCONT');
    await Promise.all(posts);
    expect(statuses).toEqual(Array(10).fill(204));
    await vi.waitFor(async () => {
      const after = await metricsOf(ingest.port);
      expect(figureOf(after, 'sluice_processes')).toBe(3);
      expect(figureOf(after, 'sluice_accepted_events_total')).toBe(310);
    }, SOON);
  });
});

describe.each(['SIGTERM', 'SIGINT'] as const)('%s to the primary', (signal) => {
  it('under load: every request is answered, what was acknowledged is there, and the exit is clean', async () => {
    const ingest = await ownThree();
    const children = childrenOf(ingest);
    const load = startLoad(ingest.port, 50);
    await vi.waitUntil(() => load.acked.length > 500, SOON);
    ingest.kill(signal);
    ingest.kill(signal);
    expect(await ingest.exited).toEqual({ code: 0, signal: null });
    await load.ended;
    expect(
      Object.keys(load.met).filter((outcome) => !['204', '503', 'ECONNREFUSED'].includes(outcome)),
    ).toEqual([]);
    const events = await eventsIn(await connected(), ingest.keys);
    expect(events.map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(load.acked));
    expect(ingest.lines.at(-1)).toMatchObject({ msg: 'stopped', clean: true, pid: ingest.pid });
    expect(ingest.lines.filter(({ msg }) => msg === 'stopped')).toHaveLength(4);
    expect(children.filter(isRunning)).toEqual([]);
  });
});

it.each([
  ['the first starts', 'running as several processes'],
  ['the others start', 'listening'],
])('SIGTERM while %s ends cleanly', async (_, msg) => {
  const ingest = await startMain({ PORT: '0', REDIS_URL: inject('redisUrl'), ...THREE });
  await ingest.logged(msg);
  ingest.kill('SIGTERM');
  expect(await ingest.exited).toEqual({ code: 0, signal: null });
  expect(childrenOf(ingest)).toEqual([]);
});

it('SIGTERM kills a child that hangs, and says that the stop was not clean', async () => {
  const ingest = await ownThree();
  const children = childrenOf(ingest);
  process.kill(children[0] as number, 'SIGSTOP');
  ingest.kill('SIGTERM');
  expect(await ingest.exited).toEqual({ code: 1, signal: null });
  expect(await ingest.logged('a step of the stop failed')).toMatchObject({ step: 'processes' });
  await vi.waitFor(() => expect(children.filter(isRunning)).toEqual([]), SOON);
});

it('kill -9 of the primary frees its port, and leaves none of the others', async () => {
  const ingest = await ownThree();
  const children = childrenOf(ingest);
  const load = startLoad(ingest.port, 20);
  await vi.waitUntil(() => load.acked.length > 100, SOON);
  ingest.kill('SIGKILL');
  await ingest.exited;
  await vi.waitFor(() => expect(children.filter(isRunning)).toEqual([]), SOON);
  await load.ended;
  // They ended in order: what they answered is there, and they said so.
  const events = await eventsIn(await connected(), ingest.keys);
  expect(events.map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(load.acked));
  expect(ingest.lines.filter(({ msg }) => msg === 'stopped')).toHaveLength(3);
  const next = await startMain({ PORT: String(ingest.port), REDIS_URL: inject('redisUrl') });
  onTestFinished(() => next.stop());
  await next.logged('listening');
});

describe('the start of several processes', () => {
  it('does not wait for Redis: 503 until it is there, and then all of them', async () => {
    const port = await freePort();
    const ingest = await ownIngest(`redis://127.0.0.1:${port}`, THREE);
    expect(await ingest.post(EVENT)).toMatchObject({ status: 503 });
    await ownRedis({ port });
    await haveThree(ingest);
    await vi.waitFor(async () => expect(await ingest.post(EVENT)).toMatchObject({ status: 204 }), SOON);
  });

  const fatal = ({ lines }: NodeProcess) => lines.filter(({ level }) => level === 'fatal');

  it('fails once and loudly with a wrong password, without showing it', async () => {
    const redis = await ownRedis({ settings: { requirepass: 'right' } });
    const REDIS_URL = `redis://:hunter2@127.0.0.1:${redis.port}`;
    const ingest = await startMain({ PORT: '0', REDIS_URL, ...THREE });
    expect(await ingest.exited).toEqual({ code: 1, signal: null });
    expect(fatal(ingest)).toHaveLength(1);
    expect(JSON.stringify(fatal(ingest))).toContain('Redis refuses the credentials in REDIS_URL');
    expect(JSON.stringify(ingest.lines)).not.toContain('hunter2');
  });

  it('fails with one plain line when settings are wrong', async () => {
    const ingest = await startMain({ PORT: 'http', REDIS_URL: inject('redisUrl'), WEB_CONCURRENCY: 'many' });
    expect(await ingest.exited).toMatchObject({ code: 1 });
    expect(ingest.lines.map(({ level, msg }) => [level, msg])).toEqual([
      [
        'fatal',
        'wrong settings:\n  PORT must be a whole number from 0 to 65535\n' +
          '  WEB_CONCURRENCY must be a whole number from 0 to 128',
      ],
    ]);
  });

  it('fails once when the port is taken, and says so', async () => {
    const { port } = await serving({}, (_, response) => void response.end());
    const ingest = await startMain({ PORT: String(port), REDIS_URL: inject('redisUrl'), ...THREE });
    expect(await ingest.exited).toEqual({ code: 1, signal: null });
    expect(fatal(ingest)).toHaveLength(1);
    expect(JSON.stringify(fatal(ingest))).toContain(`port ${port} is taken`);
  });
});

it('a password that Redis no longer takes ends all of them', async () => {
  const redis = await ownRedis();
  const ingest = await ownThree(redis.url);
  const children = childrenOf(ingest);
  const client = await connected(redis.url);
  await client.configSet('requirepass', 'new');
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no']).catch(() => undefined);
  expect(await ingest.exited).toEqual({ code: 1, signal: null });
  expect(JSON.stringify(ingest.lines)).toContain('Redis refused the connection for good');
  expect(ingest.lines.filter(({ msg }) => msg === 'a process died, starting another')).toEqual([]);
  expect(children.filter(isRunning)).toEqual([]);
});

it('one process, as is the default, has no primary and no metrics of several', async () => {
  const ingest = await ownIngest(inject('redisUrl'));
  expect(await ingest.logged('listening')).toMatchObject({ pid: ingest.pid });
  expect((await ingest.get('/metrics')).text).not.toContain('sluice_processes');
});
