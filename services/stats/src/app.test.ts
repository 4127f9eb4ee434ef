import { Health } from '@sluice/service/health';
import { createRegistry } from '@sluice/service/metrics';
import { describe, expect, it } from 'vitest';
import { type AppOptions, createApp } from './app.ts';

const FIGURES = { events: 3, visitors: 2, paths: [{ path: '/', views: 3 }] };
const QUESTION = '/stats?site_id=site-1&date=2026-01-31';

/** An app whose figures come from `dayFigures`, and how its reports ended. */
function app(
  dayFigures: AppOptions['dayFigures'] = () => Promise.resolve(FIGURES),
  stalenessS: AppOptions['stalenessS'] = () => undefined,
) {
  const registry = createRegistry('stats');
  const health = new Health('stats', registry);
  const ended: unknown[] = [];
  const reported: AppOptions['reported'] = (_seconds, error) => ended.push(error);
  return { ...createApp({ dayFigures, deadlineMs: 50, reported, stalenessS, health }), health, ended };
}

/** An answer, read to its end. */
async function answerOf(response: Response | Promise<Response>) {
  const { status, headers } = await response;
  return { status, headers, body: await (await response).json() };
}

describe('GET /stats', () => {
  it("answers in the original's shape", async () => {
    const { status, body } = await answerOf(app().request(QUESTION));
    expect(status).toBe(200);
    expect(Object.keys(body as object)).toEqual([
      'site_id',
      'date',
      'total_views',
      'unique_users',
      'top_paths',
    ]);
    expect(body).toEqual({
      site_id: 'site-1',
      date: '2026-01-31',
      total_views: 3,
      unique_users: 2,
      top_paths: [{ path: '/', views: 3 }],
    });
  });

  it.each([
    [undefined, null],
    [0, '0'],
    [0.2, '1'],
    [12, '12'],
  ])('from a replica that is %s s behind, has a header of %s', async (stalenessS, header) => {
    const { headers } = await answerOf(app(undefined, () => stalenessS).request(QUESTION));
    expect(headers.get('sluice-staleness-seconds')).toBe(header);
    expect(headers.get('access-control-expose-headers')).toBe('Sluice-Staleness-Seconds');
  });

  it('passes the site on as it was sent', async () => {
    const asked: string[] = [];
    const { request } = app((...question) => {
      asked.push(...question);
      return Promise.resolve(FIGURES);
    });
    await request(`/stats?site_id=${encodeURIComponent("a'b%20+🎈")}&date=2026-01-31`);
    expect(asked).toEqual(["a'b%20+🎈", '2026-01-31']);
  });

  it.each([
    ['/stats', 'site_id is required'],
    ['/stats?site_id=&date=2026-01-31', 'site_id is required'],
    ['/stats?site_id=site-1', 'date is required (YYYY-MM-DD)'],
    ['/stats?site_id=site-1&date=2025-02-30', 'date must be a day as YYYY-MM-DD'],
    ['/stats?site_id=a&site_id=b&date=2026-01-31', 'site_id must be given once'],
    ['/stats?site_id=a&date=2026-01-31&date=2026-01-31', 'date must be given once'],
    ['/stats?site_id=a%00b&date=2026-01-31', 'site_id must have at most 64 characters and no NUL'],
    [
      `/stats?site_id=${'x'.repeat(10_000)}&date=2026-01-31`,
      'site_id must have at most 64 characters and no NUL',
    ],
  ])('answers 400 for %.60s', async (url, error) => {
    const asked = app(() => Promise.reject(new Error('asked')));
    expect(await answerOf(asked.request(url))).toMatchObject({ status: 400, body: { error } });
    expect(asked.ended).toEqual([]);
  });

  it('answers 503 when the figures fail, and says when to come again', async () => {
    const failing = app(() => Promise.reject(new Error('connection to sluice:secret@host refused')));
    const { status, headers, body } = await answerOf(failing.request(QUESTION));
    expect([status, body]).toEqual([503, { error: 'reports are not available now' }]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(failing.ended).toMatchObject([{ message: /refused/ }]);
  });

  it('answers 503 by its deadline', async () => {
    const { request, ended } = app(() => new Promise(() => undefined));
    expect(await answerOf(request(QUESTION))).toMatchObject({ status: 503 });
    expect(ended).toMatchObject([{ name: 'DeadlineError' }]);
  });

  it('may be read by any page', async () => {
    const { request } = app();
    const response = await request(QUESTION, { headers: { origin: 'https://example.com' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const headers = { origin: 'https://example.com', 'access-control-request-method': 'GET' };
    const preflight = await request('/stats', { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('GET');
  });
});

it('anything else is 404', async () => {
  const { request } = app();
  expect(await answerOf(request('/'))).toMatchObject({ status: 404, body: { error: 'not found' } });
  expect(await answerOf(request('/stats', { method: 'POST' }))).toMatchObject({ status: 404 });
});

it('says why it is not ready, and lives all the same', async () => {
  const { request, health } = app();
  health.require('postgres', () => 'connection refused');
  expect(await answerOf(request('/readyz'))).toMatchObject({
    status: 503,
    body: { ready: false, missing: { postgres: 'connection refused' } },
  });
  expect((await request('/livez')).status).toBe(200);
  expect(await (await request('/metrics')).text()).toContain('process_cpu_seconds_total');
});
