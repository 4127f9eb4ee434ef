/**
 * The HTTP server: Hono behind `node:http`, with a short way for single events.
 *
 * Nearly all requests are a `POST /event` that says how long its body is. The web's Request and Response
 * around it, and the promises between them, cost a seventh of such a request, measured; so it is handed to
 * the app as it is. All else goes through Hono, and with it every body that could turn out too large:
 * @hono/node-server knows how to be rid of the rest of one.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { serverOptions } from '@sluice/service/http-server';
import { type Answer, type App, MAX_EVENT_BODY_BYTES } from './app.ts';

/** @param defect told of an error that no request should cause; the request is answered 500. */
export function createIngestServer(app: App, defect: (error: unknown) => void): Server {
  const viaHono = getRequestListener(app.fetch);
  return createServer(serverOptions, (incoming, outgoing) => {
    if (!isPlainEvent(incoming)) {
      void viaHono(incoming, outgoing);
      return;
    }
    app.takeEvent(incoming).then(
      (answer) => write(outgoing, answer),
      (error: unknown) => {
        defect(error);
        write(outgoing, { status: 500, headers: {}, body: null });
      },
    );
  });
}

/** Without a content-length this is NaN, which is no number up to the limit. */
function isPlainEvent({ method, url, headers }: IncomingMessage): boolean {
  return method === 'POST' && url === '/event' && Number(headers['content-length']) <= MAX_EVENT_BODY_BYTES;
}

function write(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}
