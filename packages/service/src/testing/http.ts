/** Servers and raw clients for the tests of HTTP. */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { listen } from '../http-server.ts';

const ANSWERED_WITHIN_MS = 20_000;

/** A server on any free port, gone when the test is. */
export async function serving(
  options: ServerOptions,
  answer: RequestListener,
): Promise<{ server: Server; port: number }> {
  const server = createServer(options, answer);
  const port = await listen(server, '127.0.0.1', 0);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port };
}

/** A connection on which a test writes what no proper client would. */
export interface RawClient {
  readonly socket: Socket;
  /** All that came so far. */
  readonly received: () => string;
  /** Waits until `text` has come. */
  readonly receives: (text: string) => Promise<void>;
  /** Waits until the other side has closed. */
  readonly closed: () => Promise<void>;
}

export function rawClient(port: number, firstWords = ''): RawClient {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  // A reset ends a connection as well; `closed` is what tells.
  socket.on('error', () => undefined);
  socket.write(firstWords);
  const within = { timeout: ANSWERED_WITHIN_MS, interval: 5 };
  return {
    socket,
    received: () => text,
    receives: async (wanted) => {
      await vi.waitUntil(() => text.includes(wanted), within);
    },
    closed: async () => {
      await vi.waitUntil(() => socket.closed, within);
    },
  };
}
