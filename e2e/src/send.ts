/** How events are handed over: one request, and what its answer says of each event in it. */
import { type Agent, request } from 'node:http';
import type { SentEvent } from './contents.ts';
import { type Answer, LATE } from './ledger.ts';

/** Where and how long. */
export interface Delivery {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly agent?: Agent;
  /** A request without a whole answer by then is given up and counts as late. */
  readonly answerWithinMs: number;
}

/** Hands over events in one request. Never rejects; answers one for each event. */
export type Send = (events: readonly SentEvent[], delivery: Delivery) => Promise<readonly Answer[]>;

/** An HTTP answer, or why there was none. */
export type Reply =
  | { readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly body: string }
  | { readonly status: string };

/** `POST /event`, one event a request. */
export const sendOne: Send = async (events, delivery) => {
  const [event] = events;
  if (event === undefined || events.length > 1) throw new Error('POST /event takes one event');
  const { status } = await post('/event', event.json, delivery);
  return [{ outcome: outcomeOf(status), status }];
};

/** What a status says of the events in a request. */
export function outcomeOf(status: number | string): Answer['outcome'] {
  if (typeof status !== 'number' || status >= 500) return 'unknown';
  return status < 300 ? 'acked' : 'refused';
}

/** Posts a body as JSON. Never rejects: without an answer the status is an error's code, or LATE. */
export function post(path: string, body: string | Buffer, delivery: Delivery): Promise<Reply> {
  return new Promise((resolve) => {
    const sent = request(`${delivery.url}${path}`, {
      method: 'POST',
      ...(delivery.agent === undefined ? {} : { agent: delivery.agent }),
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const deadline = setTimeout(() => {
      resolve({ status: LATE });
      sent.destroy();
    }, delivery.answerWithinMs);
    const settle = (reply: Reply) => {
      clearTimeout(deadline);
      resolve(reply);
    };
    sent.on('error', (error: NodeJS.ErrnoException) => settle({ status: error.code ?? error.message }));
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', (error: NodeJS.ErrnoException) => settle({ status: error.code ?? error.message }));
      response.on('end', () =>
        settle({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.end(body);
  });
}
