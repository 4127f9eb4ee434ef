/** The routes of stats: from a question to an answer. */
import { withDeadline } from '@sluice/service/deadline';
import type { Health } from '@sluice/service/health';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import type { DayFigures } from './queries.ts';
import { dayReport, readDayQuery } from './report.ts';

export interface AppOptions {
  /** Reads one day's figures. */
  readonly dayFigures: (siteId: string, date: string) => Promise<DayFigures>;
  readonly deadlineMs: number;
  /** Called with how long a report took and how it ended. */
  readonly reported: (seconds: number, error: unknown) => void;
  /** By how many seconds reports may be behind what is stored; `undefined` when they are not. */
  readonly stalenessS: () => number | undefined;
  readonly health: Health;
}

/** What a client may wait before it asks again. */
const RETRY_AFTER_S = 2;
/** On a report from a replica: it has all that was stored so many seconds ago. */
const STALENESS_HEADER = 'Sluice-Staleness-Seconds';

/**
 * The HTTP API.
 *
 * @example
 * const response = await createApp(options).request('/stats?site_id=site-1&date=2026-01-31');
 * await response.json(); // { site_id, date, total_views, unique_users, top_paths }
 */
export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  app.use(
    '/stats',
    cors({ origin: '*', allowMethods: ['GET'], exposeHeaders: [STALENESS_HEADER], maxAge: 86_400 }),
  );
  app.get('/stats', (c) => getStats(c, options));
  app.on('GET', ['/livez', '/readyz', '/metrics'], async (c) => {
    const probe = await options.health.answer(c.req.path);
    if (probe === undefined) return c.notFound();
    return c.body(probe.body, probe.status, { 'content-type': probe.type });
  });
  app.notFound((c) => c.json({ error: 'not found' }, 404));
  return app;
}

async function getStats(c: Context, options: AppOptions): Promise<Response> {
  for (const name of ['site_id', 'date']) {
    if ((c.req.queries(name)?.length ?? 0) > 1) return c.json({ error: `${name} must be given once` }, 400);
  }
  const query = readDayQuery(c.req.query('site_id'), c.req.query('date'));
  if (!query.ok) return c.json({ error: query.error }, 400);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  try {
    const figures = await withDeadline(
      options.dayFigures(query.siteId, query.date),
      options.deadlineMs,
      'the report',
    );
    options.reported(seconds(), undefined);
    const stalenessS = options.stalenessS();
    if (stalenessS !== undefined) c.header(STALENESS_HEADER, String(Math.ceil(stalenessS)));
    return c.json(dayReport(query.siteId, query.date, figures));
  } catch (error) {
    options.reported(seconds(), error);
    return c.json({ error: 'reports are not available now' }, 503, { 'retry-after': String(RETRY_AFTER_S) });
  }
}
