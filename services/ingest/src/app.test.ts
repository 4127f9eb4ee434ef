import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Asking, newApp } from './testing/asking.ts';

const EVENT = { site_id: 'site-1', event_type: 'page_view' };
const BODY = JSON.stringify(EVENT);
const KIB = 1_024;
const MIB = 1_024 * KIB;

let asking: Asking;
beforeEach(() => {
  asking = newApp();
});

const post = (body: Parameters<Asking['ask']>[2], headers?: Record<string, string>) =>
  asking.ask('POST', '/event', body, headers);
const postBatch = (body: Parameters<Asking['ask']>[2], headers?: Record<string, string>) =>
  asking.ask('POST', '/events', body, headers);
const gzip = { 'content-encoding': 'gzip' };

/** A body of exactly `bytes` bytes whose event is good. */
function bodyOf(bytes: number): string {
  const padded = (padding: number) => JSON.stringify({ ...EVENT, ignored: 'x'.repeat(padding) });
  return padded(bytes - padded(0).length);
}

describe('POST /event', () => {
  it('answers 204 without a body, for any origin, once the event is appended', async () => {
    const answer = await post(BODY);
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(asking.events()).toMatchObject([{ ...EVENT, path: '' }]);
    expect(asking.refused).toEqual({});
  });

  it.each(['application/json', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', ''])(
    'takes JSON whatever its type is called: %j',
    async (type) => {
      expect(await post(BODY, { 'content-type': type })).toMatchObject({ status: 204 });
    },
  );

  it.each(['', '{', '[]', 'null', `[${BODY}]`])('refuses %j in the words of the original', async (body) => {
    expect(await post(body)).toMatchObject({ status: 400, text: '{"error":"invalid json"}' });
    expect(asking.refused).toEqual({ invalid_json: 1 });
  });

  it.each(['{}', '{"site_id":"s"}', '{"event_type":"e"}', '{"site_id":"","event_type":"e"}'])(
    'refuses %s in the words of the original',
    async (body) => {
      const text = '{"error":"site_id and event_type required"}';
      expect(await post(body)).toMatchObject({ status: 400, text });
      expect(asking.refused).toEqual({ missing_required: 1 });
    },
  );

  it('names the field and the reason for the rest', async () => {
    const answer = await post(JSON.stringify({ ...EVENT, user_id: 7 }));
    expect(answer).toMatchObject({
      status: 400,
      text: '{"error":"user_id must be a string","field":"user_id"}',
    });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    await post(JSON.stringify({ ...EVENT, timestamp: 'x' }));
    expect(asking.refused).toEqual({ invalid_field: 1, invalid_timestamp: 1 });
    expect(asking.events()).toEqual([]);
  });

  it('refuses what is older than the retention', async () => {
    asking = newApp({ retentionDays: 30 });
    const answer = await post(JSON.stringify({ ...EVENT, timestamp: '2020-01-01T00:00:00Z' }));
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('"field":"timestamp"') });
    expect(asking.refused).toEqual({ too_old: 1 });
  });

  it('takes a body of 64 KiB and answers 413 to one byte more', async () => {
    expect(await post(bodyOf(64 * KIB))).toMatchObject({ status: 204 });
    const answer = await post(bodyOf(64 * KIB + 1));
    expect(answer).toMatchObject({ status: 413, text: '{"error":"body must have at most 65536 bytes"}' });
    expect(asking.refused).toEqual({ too_large: 1 });
  });

  it('answers 400 to a body that is cut off', async () => {
    const body = new PassThrough();
    const answering = post(body);
    body.write('{"site_id":');
    body.destroy();
    expect(await answering).toMatchObject({ status: 400 });
    expect(asking.refused).toEqual({ cut_off: 1 });
  });

  it.each(['unavailable', 'backlog_full'] as const)(
    'answers 503 and when to come back: %s',
    async (outcome) => {
      asking = newApp({ append: () => Promise.resolve(outcome), retryAfterSeconds: () => 7 });
      const answer = await post(BODY);
      expect(answer).toMatchObject({ status: 503, text: '{"error":"failed to push to queue"}' });
      expect(answer.headers.get('retry-after')).toBe('7');
      expect(asking.refused).toEqual({ [outcome]: 1 });
    },
  );
});

describe('POST /events', () => {
  it('answers 202 with what was taken and what was not', async () => {
    const answer = await postBatch(`[${BODY},{},${BODY},{"site_id":"s","event_type":"e","path":1}]`);
    expect(answer.status).toBe(202);
    expect(JSON.parse(answer.text)).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, error: 'site_id and event_type required' },
        { index: 3, error: 'path must be a string', field: 'path' },
      ],
    });
    expect(asking.events()).toHaveLength(2);
    expect(asking.refused).toEqual({ missing_required: 1, invalid_field: 1 });
  });

  it.each([
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/x-ndjson',
    'application/ndjson',
    'application/jsonl',
    'text/plain;charset=UTF-8',
  ])('takes %s', async (type) => {
    expect(await postBatch(`${BODY}\n${BODY}`, { 'content-type': type })).toMatchObject({
      status: 202,
      text: '{"accepted":2,"rejected":[]}',
    });
  });

  it.each([
    { 'content-type': 'text/html' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/jsonp' },
    { 'content-encoding': 'br' },
  ])('answers 415 to %j', async (headers) => {
    expect(await postBatch(BODY, headers)).toMatchObject({ status: 415 });
    expect(asking.refused).toEqual({ unsupported_type: 1 });
  });

  it('takes gzip, and answers 400 to what is not what it says', async () => {
    expect(await postBatch(gzipSync(BODY), gzip)).toMatchObject({ status: 202 });
    expect(await postBatch(BODY, gzip)).toMatchObject({ status: 400 });
    expect(asking.refused).toEqual({ cut_off: 1 });
  });

  it('takes 5 MiB, plain or inflated, and answers 413 to one byte more', async () => {
    expect(await postBatch(bodyOf(5 * MIB))).toMatchObject({ status: 202 });
    expect(await postBatch(bodyOf(5 * MIB + 1))).toMatchObject({ status: 413 });
    expect(await postBatch(gzipSync(bodyOf(5 * MIB)), gzip)).toMatchObject({ status: 202 });
    expect(await postBatch(gzipSync(bodyOf(5 * MIB + 1)), gzip)).toMatchObject({ status: 413 });
    expect(asking.refused).toEqual({ too_large: 2 });
  });

  it.each([
    ['nothing', '', 400, '{"error":"batch has no events"}'],
    ['half an array', '[{}', 400, '{"error":"invalid json"}'],
    ['5,001 events', '{}\n'.repeat(5_001), 413, '{"error":"batch must have at most 5000 events"}'],
  ])('refuses %s as a whole', async (_, body, status, text) => {
    expect(await postBatch(body)).toMatchObject({ status, text });
    expect(asking.events()).toEqual([]);
  });

  it('answers 400 when not one event was taken', async () => {
    expect(await postBatch('{}')).toMatchObject({
      status: 400,
      text: '{"accepted":0,"rejected":[{"index":0,"error":"site_id and event_type required"}]}',
    });
  });

  it('answers 503 for all of them when they could not be appended', async () => {
    asking = newApp({ append: () => Promise.resolve('unavailable') });
    const answer = await postBatch(`[${BODY},${BODY},{}]`);
    expect(answer).toMatchObject({ status: 503, text: '{"error":"failed to push to queue"}' });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(asking.refused).toEqual({ unavailable: 2, missing_required: 1 });
  });
});

describe('batches under way', () => {
  /** Bodies of which 5 MiB have arrived, and not yet their ends. */
  const arriving = (count: number) =>
    Array.from({ length: count }, () => {
      const body = new PassThrough();
      body.write(Buffer.alloc(5 * MIB, ' '));
      return { body, answering: postBatch(body) };
    });

  it('share 60 MiB of what has arrived: one more is answered 503 until another has ended', async () => {
    const [first, ...rest] = arriving(12);
    const busy = await postBatch(BODY);
    expect(busy).toMatchObject({ status: 503, text: '{"error":"failed to push to queue"}' });
    expect(busy.headers.get('retry-after')).toBe('1');
    expect(asking.refused).toEqual({ busy: 1 });

    first?.body.destroy();
    expect(await first?.answering).toMatchObject({ status: 400 });
    for (let again = 0; again < 3; again += 1) expect(await postBatch(BODY)).toMatchObject({ status: 202 });
    for (const { body } of rest) body.end();
    for (const { answering } of rest) expect(await answering).toMatchObject({ status: 400 });
  });

  it('take nothing while they only promise to come', async () => {
    const bodies = Array.from({ length: 40 }, () => new PassThrough());
    const answering = bodies.map((body) => postBatch(body, { 'content-length': String(5 * MIB) }));
    expect(await postBatch(BODY)).toMatchObject({ status: 202 });
    for (const body of bodies) body.destroy();
    await Promise.all(answering);
  });

  it('leave single events alone', async () => {
    const all = arriving(12);
    expect(await post(BODY)).toMatchObject({ status: 204 });
    for (const { body } of all) body.destroy();
    await Promise.all(all.map(({ answering }) => answering));
  });
});

describe('the rest of the API', () => {
  it.each(['/event', '/events'])('lets any site post to %s', async (path) => {
    const { status, headers } = await asking.ask('OPTIONS', path, '', {
      origin: 'https://example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    });
    expect(status).toBe(204);
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type,content-encoding',
      'access-control-max-age': '86400',
    });
    expect(headers.has('access-control-allow-credentials')).toBe(false);
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('answers 405 to %s', async (method) => {
    for (const path of ['/event', '/events']) {
      const answer = await asking.ask(method, path);
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
    }
  });

  it.each(['/', '/event/', '/Event', '/stats', '/events/1'])('answers 404 to %s', async (path) => {
    for (const method of ['GET', 'POST'])
      expect(await asking.ask(method, path)).toMatchObject({ status: 404, text: '{"error":"not found"}' });
  });

  it('answers the probes', async () => {
    expect(await asking.ask('GET', '/livez')).toMatchObject({ status: 200 });
    expect(await asking.ask('GET', '/readyz')).toMatchObject({ status: 200 });
    asking.health.stopping();
    expect(await asking.ask('GET', '/readyz')).toMatchObject({ status: 503 });
    const metrics = await asking.ask('GET', '/metrics');
    expect(metrics.headers.get('content-type')).toContain('text/plain');
  });
});
