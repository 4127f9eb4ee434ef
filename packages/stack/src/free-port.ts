import { connect, createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** A port that nothing listens on at this moment, from the system's own range. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Why nothing of ours could listen on this port now, or undefined when it could. Binding alone isn't enough:
 * macOS lets 127.0.0.1 be bound beside somebody's 0.0.0.0, so something that answers counts as well.
 */
export async function whyTaken(port: number, host: string = LOOPBACK): Promise<string | undefined> {
  if (await answers(port)) return 'another program listens on it';
  return whyNotBound(port, host);
}

/** The first of these ports that is free, else any free one. */
export async function firstFree(wanted: readonly number[]): Promise<number> {
  for (const port of wanted) {
    if ((await whyTaken(port)) === undefined) return port;
  }
  return freePort();
}

function whyNotBound(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('another program listens on it');
      else if (error.code === 'EACCES') resolve('this user may not listen on it');
      else resolve(error.message);
    });
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    const settle = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
