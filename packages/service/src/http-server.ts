/**
 * A `node:http` server that is hard to hold open: limits on headers and time, and a close that ends.
 *
 * Closing answers what is under way, and the next request of each connection with `Connection: close`,
 * so that keep-alive clients go elsewhere; then it ends what is idle, and at the deadline the rest.
 * `server.close()` alone would reset busy clients between two of their requests.
 */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Health } from './health.ts';

/** Long enough for a slow mobile client's 64 KiB, short enough that a thousand silent ones are gone soon. */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 8_000;
/** Above the 60 s for which common balancers keep their connections, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** What a request under way gets when the server closes. */
const CLOSE_GRACE_MS = 5_000;
/**
 * As long as some client asks, others who are as busy may be about to. Nobody asks twice, so this ends; and
 * when nobody has asked for so long, several round trips of a slow line, all who are left are idle.
 */
const IDLE_GRACE_MS = 1_000;
const SWEEP_INTERVAL_MS = 50;

/** The limits, for whoever creates the server. */
export const serverOptions: ServerOptions = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** Listens and answers the port it got. @throws with the port in the message when it is taken. */
export async function listen(server: Server, host: string, wantedPort: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? `port ${wantedPort} is taken` : error.message;
      reject(new Error(`can't listen on ${host}:${wantedPort}: ${reason}`, { cause: error }));
    });
    server.listen({ host, port: wantedPort, backlog: 1_024 }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Stops taking connections, lets requests under way end, then closes what is left. */
export async function closeServer(server: Server, graceMs = CLOSE_GRACE_MS): Promise<void> {
  let lastRequestAt = performance.now();
  // Ahead of every other listener, so that the header is set before the answer is written.
  server.prependListener('request', (_request, response) => {
    lastRequestAt = performance.now();
    response.setHeader('connection', 'close');
  });
  // A net.Server's close: that of http.Server ends each connection that is between two requests, and
  // with it the request that is on its way.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const closeIdle = () => {
    if (performance.now() - lastRequestAt >= IDLE_GRACE_MS) server.closeIdleConnections();
  };
  // After the turn has read what had arrived: on a busy machine a request may have lain there for a while.
  const sweep = setInterval(() => setImmediate(closeIdle), SWEEP_INTERVAL_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
  // Nothing is left to close but the timer of the limits.
  server.close();
}

/** A server for the probes alone, for services that have no other HTTP. */
export function createProbeServer(health: Health): Server {
  const answer: RequestListener = (request, response) => {
    void health.answer(request.url ?? '').then(
      (probe) => {
        response.writeHead(probe?.status ?? 404, { 'content-type': probe?.type ?? 'application/json' });
        response.end(probe?.body ?? '{"error":"not found"}');
      },
      () => response.destroy(),
    );
  };
  return createServer(serverOptions, answer);
}
