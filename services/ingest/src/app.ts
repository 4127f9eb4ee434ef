/** The routes of ingest: from a request to an answer. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { MISSING_REQUIRED } from '@sluice/event/event';
import type { Health } from '@sluice/service/health';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { acceptBatch, acceptEvent, type RefusalReason, receiptOf } from './accept.ts';
import type { Outcome } from './appender.ts';
import { BodyBudget, inflateBody, readBody } from './body.ts';
import { Turn } from './turn.ts';

/** The size that a body of one event may have. */
export const MAX_EVENT_BODY_BYTES = 64 * 1_024;
/** The size that a body of many events may have, on the wire and inflated. */
const MAX_BATCH_BODY_BYTES = 5 * 1_024 * 1_024;
/** Twelve of the largest batches at once, or hundreds of usual ones; their parsed events take about as much again. */
const BATCHES_UNDER_WAY_BYTES = 12 * MAX_BATCH_BODY_BYTES;
/**
 * Whoever is accepted waits for the rest of a turn, its own, and up to two until the append's reply is read:
 * under a second, where no end of clients would make it as long as they like. Above what the largest batches
 * or a thousand new connections take, which is no overload.
 */
const MAX_TURN_MS = 200;
/** What a batch may be sent as: forms, images and the like are mistakes. */
const BATCH_TYPE = /^(application\/(json|x-ndjson|ndjson|jsonl|x-jsonlines)|text\/plain)\b/i;
/** Trackers on any site may post, without cookies; a preflight is remembered for a day. */
const CORS = {
  origin: '*',
  allowMethods: ['POST'],
  allowHeaders: ['content-type', 'content-encoding'],
  maxAge: 86_400,
};
/** On every answer. A plain object and no middleware: those cost a web Headers for each request. */
const ANY_ORIGIN = { 'access-control-allow-origin': '*' };

const TAKEN: Answer = { status: 204, headers: ANY_ORIGIN, body: null };

/** What a client is told, in no library's form. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

/** What `node:http` hands to a request: its headers and body are read from here. */
export type Bindings = {
  readonly incoming: Pick<IncomingMessage, 'headers'> & Readable;
};
type IngestContext = Context<{ Bindings: Bindings }>;

export interface App extends Hono<{ Bindings: Bindings }> {
  /** What `POST /event` does, for whoever has a request without Hono around it. */
  readonly takeEvent: (incoming: Readable) => Promise<Answer>;
}

export interface AppOptions {
  /** Appends lines, all or none; never rejects. */
  readonly append: (lines: readonly string[]) => Promise<Outcome>;
  /** Called for each reason with how many events or requests were refused for it. */
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
 * const body = Readable.from([Buffer.from('{"site_id":"site-1","event_type":"page_view"}')]);
 * const incoming = Object.assign(body, { headers: {} });
 * const response = await createApp(options).request('/event', { method: 'POST' }, { incoming });
 * response.status; // 204 once the event is on disk
 */
export function createApp(options: AppOptions): App {
  const app = new Hono<{ Bindings: Bindings }>();
  const budget = new BodyBudget(BATCHES_UNDER_WAY_BYTES);
  const turn = new Turn(MAX_TURN_MS);
  const takeEvent = (incoming: Readable) => postEvent(incoming, turn, options);
  app.post('/event', async (c) => responseOf(await takeEvent(c.env.incoming)));
  app.post('/events', async (c) => responseOf(await postEvents(c, budget, turn, options)));
  app.options('*', cors(CORS));
  app.on('GET', ['/livez', '/readyz', '/metrics'], async (c) => {
    const probe = await options.health.answer(c.req.path);
    if (probe === undefined) return c.notFound();
    return c.body(probe.body, probe.status, { 'content-type': probe.type });
  });
  app.on(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'], ['/event', '/events'], () =>
    responseOf(answer(405, { error: 'use POST' }, { allow: 'POST, OPTIONS' })),
  );
  app.notFound(() => responseOf(answer(404, { error: 'not found' })));
  return Object.assign(app, { takeEvent });
}

/** `POST /event`: 204 when the event is on disk. Any content type: trackers send JSON as text/plain. */
async function postEvent(incoming: Readable, turn: Turn, options: AppOptions): Promise<Answer> {
  if (turn.isTooLong()) return refuseForNow('busy', 1, options);
  const body = await readBody(incoming, MAX_EVENT_BODY_BYTES);
  if (!body.ok) return refuseBody(body.reason, MAX_EVENT_BODY_BYTES, options);
  // Its body may have come in a turn of its own.
  if (turn.isTooLong()) return refuseForNow('busy', 1, options);
  const accepted = acceptEvent(body.bytes.toString('utf8'), receiptOf(Date.now(), options.retentionDays));
  if (!accepted.ok) {
    options.refused(accepted.reason, 1);
    return answer(400, problemOf(accepted));
  }
  const outcome = await options.append([accepted.line]);
  if (outcome === 'appended') return TAKEN;
  return refuseForNow(outcome, 1, options);
}

/** `POST /events`: 202 when all events that aren't listed are on disk; 400 when there are none. */
async function postEvents(
  c: IngestContext,
  budget: BodyBudget,
  turn: Turn,
  options: AppOptions,
): Promise<Answer> {
  if (turn.isTooLong()) return refuseForNow('busy', 1, options);
  const { headers } = c.env.incoming;
  const type = headers['content-type'];
  if (type !== undefined && !BATCH_TYPE.test(type)) return refuseBody('unsupported_type', 0, options);
  const body = await readBody(c.env.incoming, MAX_BATCH_BODY_BYTES, budget);
  if (!body.ok) return refuseBody(body.reason, MAX_BATCH_BODY_BYTES, options);
  try {
    const encoding = headers['content-encoding'];
    const inflated = await inflateBody(body.bytes, encoding, MAX_BATCH_BODY_BYTES, budget);
    if (!inflated.ok) return refuseBody(inflated.reason, MAX_BATCH_BODY_BYTES, options);
    return await postBatch(inflated.bytes.toString('utf8'), options);
  } finally {
    budget.giveBack(body.bytes.length);
  }
}

async function postBatch(body: string, options: AppOptions): Promise<Answer> {
  const batch = acceptBatch(body, receiptOf(Date.now(), options.retentionDays));
  if (!batch.ok) {
    options.refused(batch.reason, 1);
    return answer(batch.reason === 'too_many_events' ? 413 : 400, { error: batch.error });
  }
  for (const { reason } of batch.rejected) options.refused(reason, 1);
  const rejected = batch.rejected.map((event) => ({ index: event.index, ...problemOf(event) }));
  if (batch.lines.length === 0) return answer(400, { accepted: 0, rejected });
  const outcome = await options.append(batch.lines);
  if (outcome !== 'appended') return refuseForNow(outcome, batch.lines.length, options);
  return answer(202, { accepted: batch.lines.length, rejected });
}

/** What a client is told of an event that was not taken. */
function problemOf({ error, field }: { error: string; field?: string }): object {
  // The original's words stand alone in its answer; its users compare the whole body.
  return field === undefined || error === MISSING_REQUIRED ? { error } : { error, field };
}

/** Nothing was appended, or nobody knows: 503, and when to try again. */
function refuseForNow(
  reason: Exclude<Outcome, 'appended'> | 'busy',
  events: number,
  { refused, retryAfterSeconds }: AppOptions,
): Answer {
  refused(reason === 'unwritten' ? 'unavailable' : reason, events);
  return answer(503, { error: 'failed to push to queue' }, { 'retry-after': String(retryAfterSeconds()) });
}

function refuseBody(
  reason: 'too_large' | 'cut_off' | 'unsupported_type' | 'busy',
  maxBytes: number,
  options: AppOptions,
): Answer {
  if (reason === 'busy') return refuseForNow(reason, 1, options);
  options.refused(reason, 1);
  // Not with `connection: close`: Node would reset the connection of a client that still sends, and with it
  // the answer. The server throws away what comes for half a second, and then closes.
  switch (reason) {
    case 'too_large':
      return answer(413, { error: `body must have at most ${maxBytes} bytes` });
    case 'cut_off':
      return answer(400, { error: 'body is cut off or not what its encoding says' });
    case 'unsupported_type':
      return answer(415, { error: 'send JSON or NDJSON, plain or with content-encoding gzip' });
  }
}

function answer(status: number, body: object, headers: Record<string, string> = {}): Answer {
  const all = { 'content-type': 'application/json', ...ANY_ORIGIN, ...headers };
  return { status, headers: all, body: JSON.stringify(body) };
}

function responseOf({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}
