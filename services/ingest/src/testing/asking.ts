/** The app without a server: requests in, answers out, and what was appended and counted meanwhile. */
import { Readable } from 'node:stream';
import { Health } from '@sluice/service/health';
import { Registry } from '@sluice/service/metrics';
import { type AppOptions, createApp } from '../app.ts';

/** An answer with all of it that a client can see. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export type Asking = ReturnType<typeof newApp>;

/** An app on which every append succeeds unless `options` say otherwise. */
export function newApp(options: Partial<AppOptions> = {}) {
  const lines: string[] = [];
  const refused: Record<string, number> = {};
  const health = new Health('ingest', new Registry());
  const app = createApp({
    append: (added) => {
      lines.push(...added);
      return Promise.resolve('appended');
    },
    refused: (reason, events) => {
      refused[reason] = (refused[reason] ?? 0) + events;
    },
    retryAfterSeconds: () => 1,
    retentionDays: 0,
    health,
    ...options,
  });
  const ask = async (
    method: string,
    path: string,
    body: string | Buffer | Readable = '',
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const stream = body instanceof Readable ? body : Readable.from([Buffer.from(body)]);
    const incoming = Object.assign(stream, { headers });
    const response = await app.request(path, { method, headers }, { incoming });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    app,
    ask,
    /** What is appended so far, as the events that the lines hold. */
    events: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    refused,
    health,
  };
}
