import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connected } from '@sluice/event/testing/stream';
import { rawClient } from '@sluice/service/testing/http';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { eventsIn, type Ingest, startIngest } from './testing/ingest-process.ts';

const EVENT = { site_id: 'site-1', event_type: 'page_view', path: '/home', user_id: 'user-1' };
const LIMIT_BYTES = 64 * 1_024;

let ingest: Ingest;
beforeAll(async () => {
  ingest = await startIngest(inject('redisUrl'));
});
afterAll(() => ingest.stop());

/** Runs `work` and gives the events that it left in the stream. */
async function leftBy(work: () => Promise<unknown>) {
  const client = await connected();
  const before = (await eventsIn(client, ingest.keys)).length;
  await work();
  return (await eventsIn(client, ingest.keys)).slice(before);
}

describe('what clients of the original send', () => {
  it('is answered 204 and is in the stream as it was sent', async () => {
    const sent = { ...EVENT, timestamp: '2026-11-22T12:00:00Z' };
    const [event] = await leftBy(async () => {
      expect(await ingest.post(sent, { headers: { 'content-type': 'application/json' } })).toMatchObject({
        status: 204,
        text: '',
      });
    });
    expect(event).toMatchObject({ ...EVENT, timestamp: Date.UTC(2026, 10, 22, 12) });
  });

  it('is refused in the words of the original', async () => {
    const words = {
      'not json': '{"error":"invalid json"}',
      '': '{"error":"invalid json"}',
      '{}': '{"error":"site_id and event_type required"}',
      '{"site_id":"site-1"}': '{"error":"site_id and event_type required"}',
      '{"event_type":"click","site_id":""}': '{"error":"site_id and event_type required"}',
    };
    const left = await leftBy(async () => {
      for (const [body, text] of Object.entries(words))
        expect(await ingest.post(body)).toMatchObject({ status: 400, text });
    });
    expect(left).toEqual([]);
  });
});

it('wrong input in any field is answered 400 with the field, and leaves nothing', async () => {
  const wrong = {
    site_id: [1, 'x'.repeat(65), 'a\0'],
    event_type: [{}, 'x'.repeat(65)],
    path: [7, `/${'€'.repeat(667)}`],
    user_id: [true, 'x'.repeat(129)],
    event_id: [[], 'x'.repeat(129)],
    timestamp: ['yesterday', 12, {}, '2026-02-30T00:00:00Z'],
    properties: [[], 'x', { a: 'x'.repeat(16_384) }, { a: '\0' }],
    url: [1, 'x'.repeat(2_001)],
    referrer: [1, 'x'.repeat(2_001)],
    title: [1, 'x'.repeat(501)],
    hostname: [1, 'x'.repeat(254)],
    language: [1, 'x'.repeat(36)],
    screen: [1, 'x'.repeat(21)],
  };
  const left = await leftBy(async () => {
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values) {
        const { status, text } = await ingest.post({ ...EVENT, [field]: value });
        expect([status, JSON.parse(text)]).toEqual([400, { error: expect.stringContaining(field), field }]);
      }
    }
    expect(await ingest.post('{"site_id":"s","event_type":"e","properties":{"a":1e400}}')).toMatchObject({
      status: 400,
      text: expect.stringContaining('properties'),
    });
  });
  expect(left).toEqual([]);
});

it('text/plain, as trackers send it across sites, is as good as JSON', async () => {
  expect(await ingest.post(EVENT, { headers: { 'content-type': 'text/plain' } })).toMatchObject({
    status: 204,
  });
});

it('a preflight from any site is answered', async () => {
  const { status, headers } = await ingest.post('', {
    method: 'OPTIONS',
    body: null,
    headers: { origin: 'https://example.com', 'access-control-request-method': 'POST' },
  });
  expect([status, headers.get('access-control-allow-origin')]).toEqual([204, '*']);
});

it('one connection serves request after request', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const reused: boolean[] = [];
  for (const body of [JSON.stringify(EVENT), '{}', JSON.stringify(EVENT)]) {
    const asking = request({ port: ingest.port, agent, method: 'POST', path: '/event' });
    const [response] = (await once(asking.end(body), 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    reused.push(asking.reusedSocket);
  }
  expect(reused).toEqual([false, true, true]);
});

it('events that come together share entries, each event once', async () => {
  const ids = Array.from({ length: 500 }, (_, at) => `together-${at}`);
  const client = await connected();
  const entries = await client.xLen(ingest.keys.stream);
  const left = await leftBy(async () => {
    const replies = await Promise.all(ids.map((event_id) => ingest.post({ ...EVENT, event_id })));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([204]));
  });
  expect(left.map(({ event_id }) => event_id).sort()).toEqual(ids.toSorted());
  expect((await client.xLen(ingest.keys.stream)) - entries).toBeLessThan(250);
});

describe('a body over 64 KiB', () => {
  const head = (length: string) => `POST /event HTTP/1.1\r\nhost: a\r\n${length}\r\n\r\n`;
  const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;

  it('is answered 413 where one of 64 KiB is taken', async () => {
    const empty = JSON.stringify({ ...EVENT, ignored: '' });
    const bodyOf = (bytes: number) => JSON.stringify({ ...EVENT, ignored: 'x'.repeat(bytes - empty.length) });
    expect(await ingest.post(bodyOf(LIMIT_BYTES))).toMatchObject({ status: 204 });
    expect(await ingest.post(bodyOf(LIMIT_BYTES + 1))).toMatchObject({ status: 413 });
  });

  it.each([
    [
      'says a gigabyte and starts sending it',
      head('content-length: 1000000000') + 'x'.repeat(LIMIT_BYTES + 1),
    ],
    ['sends one long chunk', head('transfer-encoding: chunked') + chunk(LIMIT_BYTES + 1)],
    ['sends chunks without end', head('transfer-encoding: chunked') + chunk(1_024).repeat(65)],
  ])('of a client that %s is answered 413, and the connection closed', async (_, words) => {
    const client = rawClient(ingest.port, words);
    await client.receives('HTTP/1.1 413 ');
    await client.closed();
  });
});

describe('what is no proper HTTP', () => {
  const line = 'POST /event HTTP/1.1\r\n';

  it.each([
    [
      'content-length with transfer-encoding',
      `${line}host: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`,
    ],
    ['two content-lengths', `${line}host: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    ['a chunk without a size', `${line}host: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a NUL in a header', `${line}host: a\r\nx: a\0b\r\n\r\n`],
    ['no host', `${line}content-length: 2\r\n\r\n{}`],
    ['the first bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['headers of 20 kB', `${line}host: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`],
  ])('is refused: %s', async (_, words) => {
    const client = rawClient(ingest.port, words);
    await client.receives('\r\n\r\n');
    await client.closed();
    expect(client.received()).toMatch(/^HTTP\/1\.1 4(00|31) /);
  });

  it('leaves nothing, nor does a body cut short', async () => {
    const left = await leftBy(async () => {
      const client = rawClient(ingest.port, `${line}host: a\r\ncontent-length: 100\r\n\r\n{"site_id":"s"`);
      client.socket.end();
      await client.closed();
      expect(await ingest.get('/livez')).toMatchObject({ status: 200 });
    });
    expect(left).toEqual([]);
  });
});

describe('the probes', () => {
  it('say that ingest is alive and ready', async () => {
    expect(await ingest.get('/livez')).toMatchObject({ status: 200 });
    expect(await ingest.get('/readyz')).toMatchObject({
      status: 200,
      text: '{"ready":true,"missing":{},"warnings":{}}',
    });
  });

  it('count what was accepted, and what was refused by its reason', async () => {
    const count = async (name: string) => {
      const { text } = await ingest.get('/metrics');
      return Number(new RegExp(`^${name.replace(/[{}"]/g, '.')} (\\S+)$`, 'm').exec(text)?.[1]);
    };
    const names = [
      'sluice_accepted_events_total{service="ingest"}',
      'sluice_refused_total{reason="invalid_json",service="ingest"}',
      'sluice_refused_total{reason="too_large",service="ingest"}',
      'sluice_backlog_events{service="ingest"}',
    ];
    const before = await Promise.all(names.map(count));
    await ingest.post(EVENT);
    await ingest.post(EVENT);
    await ingest.post('no');
    const after = await Promise.all(names.map(count));
    expect(after.map((value, at) => value - (before[at] ?? 0))).toEqual([2, 1, 0, 2]);
  });
});
