/** The routes of ingest: from a request to an answer. */
import type { Readable } from 'node:stream';
import { MISSING_REQUIRED } from '@sluice/event/event';
import type { Health } from '@sluice/service/health';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { acceptEvent, type RefusalReason } from './accept.ts';
import type { Outcome } from './appender.ts';
import { readBody } from './body.ts';

/** The size that a body of one event may have. */
const MAX_EVENT_BODY_BYTES = 64 * 1_024;
/** Trackers on any site may post, without cookies; a preflight is remembered for a day. */
const CORS = { origin: '*', allowMethods: ['POST'], allowHeaders: ['content-type'], maxAge: 86_400 };
/** On every answer. A plain object and no middleware: those cost a web Headers for each request. */
const ANY_ORIGIN = { 'access-control-allow-origin': '*' };

/** What `node:http` hands to a request: its body is read from here. */
export type Bindings = { readonly incoming: Readable };
type IngestContext = Context<{ Bindings: Bindings }>;

export interface AppOptions {
  /** Appends lines; never rejects. */
  readonly append: (lines: readonly string[]) => Promise<Outcome>;
  /** Called once for each request or event refused. */
  readonly refused: (reason: RefusalReason, events: number) => void;
  /** Whole seconds after which a client may try again. */
  readonly retryAfterSeconds: () => number;
  /** 0 for no limit. */
  readonly retentionDays: number;
  readonly health: Health;
}

/**
 * The HTTP API.
 *
 * @example
 * const incoming = Readable.from([Buffer.from('{"site_id":"site-1","event_type":"page_view"}')]);
 * const response = await createApp(options).request('/event', { method: 'POST' }, { incoming });
 * response.status; // 204 once the event is on disk
 */
export function createApp(options: AppOptions): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.post('/event', (c) => postEvent(c, options));
  app.options('*', cors(CORS));
  app.on('GET', ['/livez', '/readyz', '/metrics'], async (c) => {
    const probe = await options.health.answer(c.req.path);
    if (probe === undefined) return c.notFound();
    return c.body(probe.body, probe.status, { 'content-type': probe.type });
  });
  app.all('/event', () => answer(405, { error: 'use POST' }, { allow: 'POST, OPTIONS' }));
  app.notFound(() => answer(404, { error: 'not found' }));
  return app;
}

/** `POST /event`: 204 when the event is on disk. Any content type: trackers send JSON as text/plain. */
async function postEvent(c: IngestContext, options: AppOptions): Promise<Response> {
  const body = await readBody(c.env.incoming, MAX_EVENT_BODY_BYTES);
  if (!body.ok) {
    options.refused(body.reason, 1);
    if (body.reason === 'cut_off') return answer(400, { error: 'body cut off' });
    // Closing spares reading what a client may still be sending.
    return answer(
      413,
      { error: `body must have at most ${MAX_EVENT_BODY_BYTES} bytes` },
      { connection: 'close' },
    );
  }
  const accepted = acceptEvent(body.bytes.toString('utf8'), Date.now(), options.retentionDays);
  if (!accepted.ok) {
    options.refused(accepted.reason, 1);
    const { error, field } = accepted;
    return answer(400, field === undefined || error === MISSING_REQUIRED ? { error } : { error, field });
  }
  const outcome = await options.append([accepted.line]);
  if (outcome === 'appended') return new Response(null, { status: 204, headers: ANY_ORIGIN });
  options.refused(outcome, 1);
  const retryAfter = { 'retry-after': String(options.retryAfterSeconds()) };
  return answer(503, { error: 'failed to push to queue' }, retryAfter);
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Response {
  const all = { 'content-type': 'application/json', ...ANY_ORIGIN, ...headers };
  return new Response(JSON.stringify(body), { status, headers: all });
}
