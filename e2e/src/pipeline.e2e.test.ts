/** The pipeline, whole, without faults but the commonest: what a user of the original meets first. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { sendBatch } from './batch-send.ts';
import { createHeavyEvent } from './contents.ts';
import { givenSystem } from './given-system.ts';
import { startLoad } from './load.ts';
import { assertNothingLostOrDoubled } from './oracle.ts';
import { seededRandom } from './seed.ts';
import { type System, startSystem } from './system.ts';
import { until } from './until.ts';

describe("the original's examples", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ pristinePostgres: inject('pristinePostgres'), workers: 1 });
    await system.stats();
  });
  afterAll(() => system.close());

  const postEvent = (body: string, type = 'application/json') =>
    fetch(`${system.ingest.url}/event`, { method: 'POST', body, headers: { 'content-type': type } });
  const acceptedSoFar = async () => (await system.backlog()).accepted;

  it('answers 204 to an event, and the report holds it within seconds', async () => {
    const events = [
      '{"site_id":"site-abc","event_type":"page_view","path":"/pricing","user_id":"user-123","timestamp":"2025-11-12T19:30:01Z"}',
      '{"site_id":"site-abc","event_type":"page_view","path":"/pricing","user_id":"user-456","timestamp":"2025-11-12T20:00:00Z"}',
      '{"site_id":"site-abc","event_type":"page_view","path":"/blog/post-1","user_id":"user-123","timestamp":"2025-11-12T00:00:00Z"}',
    ];
    for (const event of events) {
      const response = await postEvent(event);
      expect([response.status, await response.text()]).toEqual([204, '']);
    }
    const report =
      '{"site_id":"site-abc","date":"2025-11-12","total_views":3,"unique_users":2,' +
      '"top_paths":[{"path":"/pricing","views":2},{"path":"/blog/post-1","views":1}]}';
    await until('reported', 5_000, async () => {
      const { body } = await system.report('site-abc', '2025-11-12');
      return body === report ? undefined : body;
    });
  });

  it('takes an event from a tracker that sends text/plain, and one with neither path nor user', async () => {
    const response = await postEvent('{"site_id":"plain","event_type":"page_view"}', 'text/plain');
    expect(response.status).toBe(204);
    const date = new Date().toISOString().slice(0, 10);
    const report = {
      site_id: 'plain',
      date,
      total_views: 1,
      unique_users: 0,
      top_paths: [{ path: '', views: 1 }],
    };
    await until('reported', 5_000, async () => {
      const { body } = await system.report('plain', date);
      return body === JSON.stringify(report) ? undefined : body;
    });
  });

  it.each([
    ['not json', '{"error":"invalid json"}'],
    ['', '{"error":"invalid json"}'],
    ['[]', '{"error":"invalid json"}'],
    ['{"event_type":"page_view"}', '{"error":"site_id and event_type required"}'],
    ['{"site_id":"site-abc","event_type":""}', '{"error":"site_id and event_type required"}'],
  ])("answers 400 to %j in the original's words", async (body, error) => {
    const response = await postEvent(body);
    expect([response.status, await response.text()]).toEqual([400, error]);
  });

  it.each([
    ['site_id', 7, 'must be a string'],
    ['site_id', 's'.repeat(65), 'must have at most 64 characters'],
    ['site_id', 'a\0b', 'must not contain a NUL character'],
    ['event_type', ['click'], 'must be a string'],
    ['event_type', 't'.repeat(65), 'must have at most 64 characters'],
    ['path', 7, 'must be a string'],
    ['path', '/'.repeat(2_001), 'must have at most 2000 bytes'],
    ['path', `/${'🦆'.repeat(500)}`, 'must have at most 2000 bytes'],
    ['path', '/\0', 'must not contain a NUL character'],
    ['user_id', 12, 'must be a string'],
    ['user_id', 'u'.repeat(129), 'must have at most 128 characters'],
    ['event_id', {}, 'must be a string'],
    ['event_id', 'e'.repeat(129), 'must have at most 128 characters'],
    ['url', 'u'.repeat(2_001), 'must have at most 2000 characters'],
    ['referrer', false, 'must be a string'],
    ['title', 't'.repeat(501), 'must have at most 500 characters'],
    ['hostname', 'h'.repeat(254), 'must have at most 253 characters'],
    ['language', 'l'.repeat(36), 'must have at most 35 characters'],
    ['screen', 's'.repeat(21), 'must have at most 20 characters'],
    ['properties', 'text', 'must be an object'],
    ['properties', [], 'must be an object'],
    ['properties', { 'a\0': 1 }, 'must not contain a NUL character'],
    ['properties', { long: 'x'.repeat(16_385) }, 'must have at most 16384 bytes as JSON'],
    [
      'properties',
      Object.fromEntries(Array.from({ length: 65 }, (_, at) => [at, at])),
      'must have at most 64 keys',
    ],
    ['properties', { a: { b: { c: { d: { e: { f: { g: { h: {} } } } } } } } }, 'must have at most 8 levels'],
  ])('answers 400 to a wrong %s, naming it, and stores nothing', async (field, value, problem) => {
    const before = await acceptedSoFar();
    const response = await postEvent(JSON.stringify({ site_id: 's', event_type: 't', [field]: value }));
    expect([response.status, await response.json()]).toEqual([400, { error: `${field} ${problem}`, field }]);
    expect(await acceptedSoFar()).toBe(before);
  });

  it.each([
    '"yesterday"',
    '"2025-02-30T00:00:00Z"',
    '"2025-11-12"',
    '"2025-11-12T19:30:01"',
    '"2025-11-12T25:00:00Z"',
    '1731439801',
    '1e400',
    '-1',
    'true',
    '{}',
  ])('answers 400 to the timestamp %s and stores nothing', async (timestamp) => {
    const before = await acceptedSoFar();
    const response = await postEvent(`{"site_id":"s","event_type":"t","timestamp":${timestamp}}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ field: 'timestamp' });
    expect(await acceptedSoFar()).toBe(before);
  });

  it('answers 413 to a body above 64 KiB', async () => {
    const response = await postEvent(`{"site_id":"s","event_type":"t","x":"${'x'.repeat(65_536)}"}`);
    expect(response.status).toBe(413);
  });

  it.each([
    ['', '', '{"error":"site_id is required"}'],
    ['site-abc', '', '{"error":"date is required (YYYY-MM-DD)"}'],
  ])("answers 400 to a report of %j on %j in the original's words", async (site, date, error) => {
    expect(await system.report(site, date)).toEqual({ status: 400, body: error });
  });

  it.each(['2025-02-30', 'x', '2025-1-1', '2025-11-12T00:00:00Z'])(
    'answers 400 to the date %s',
    async (date) => {
      expect((await system.report('site-abc', date)).status).toBe(400);
    },
  );

  it('answers zeros for a site that it never heard of', async () => {
    const body = '{"site_id":"nobody","date":"2025-11-12","total_views":0,"unique_users":0,"top_paths":[]}';
    expect(await system.report('nobody', '2025-11-12')).toEqual({ status: 200, body });
  });
});

it('stores 5,000 mixed events of 100 connections, each once, equal to what was sent', async () => {
  const system = await givenSystem();
  const load = startLoad(system, { random: seededRandom(), connections: 100, count: 5_000 });
  await load.done;
  expect(load.statuses).toEqual({ 204: 5_000 });
  const figures = await assertNothingLostOrDoubled(system, load);
  expect(figures).toMatchObject({ accepted: 5_000, stored: 5_000, deadLettered: 0 });
});

it('stores a backlog of heavy events in batches, as they were sent', async () => {
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, {
    ...{ random: seededRandom(), connections: 4, count: 400 },
    ...{ create: createHeavyEvent, send: sendBatch, batch: 20 },
  });
  await load.done;
  expect(load.statuses).toEqual({ 202: 20 });
  await system.add('worker');
  await assertNothingLostOrDoubled(system, load);
});

it('loses and doubles nothing when a worker is killed with -9 in mid-load', async () => {
  const system = await givenSystem();
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 1_000 });
  await until('1,000 are sent', 20_000, () => (load.sent > 1_000 ? undefined : `${load.sent}`));
  await system.worker.kill();
  await until('3,000 are sent', 20_000, () => (load.sent > 3_000 ? undefined : `${load.sent}`));
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, load);
});

it('ends with exit 0 everywhere on SIGTERM, and leaves nothing behind', async () => {
  const system = await givenSystem();
  const stats = await system.stats();
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 2_000 });
  await load.done;
  for (const service of [system.ingest, ...system.workers, stats]) {
    expect(await service.stop()).toEqual({ code: 0, signal: null, asked: true });
  }
  const { pending } = await system.backlog();
  expect(pending).toBe(0);
  await system.add('worker');
  await assertNothingLostOrDoubled(system, load);
});
