import { once } from 'node:events';
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Health } from './health.ts';
import { closeServer, createProbeServer, listen, serverOptions } from './http-server.ts';
import { rawClient, serving } from './testing/http.ts';

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const LONG_GRACE_MS = 60_000;

const sayHello = (_: IncomingMessage, response: ServerResponse) => void response.end('hello');

/** A server whose answers wait until the test lets them go. */
async function holding() {
  const held: ServerResponse[] = [];
  const asked = Promise.withResolvers<void>();
  const { server, port } = await serving(serverOptions, (_, response) => {
    held.push(response);
    asked.resolve();
  });
  return {
    server,
    port,
    asked: asked.promise,
    answerAll: () => {
      for (const response of held) response.end('held');
    },
  };
}

/** Asks over one connection, again as soon as it is answered. Rejects when an answer doesn't come. */
async function untilToldToClose(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  for (;;) {
    const [response] = (await once(request({ port, agent }).end(), 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    if (response.headers.connection === 'close') return;
  }
}

describe('listen', () => {
  it('answers the port that it got', async () => {
    const { port } = await serving({}, sayHello);
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('hello');
  });

  it('says which port is taken', async () => {
    const { port } = await serving({}, sayHello);
    const second = createProbeServer(new Health('x', new Registry()));
    await expect(listen(second, '127.0.0.1', port)).rejects.toThrow(
      `can't listen on 127.0.0.1:${port}: port ${port} is taken`,
    );
  });
});

describe('closeServer', () => {
  it('answers what is under way, and ends', async () => {
    const { server, port, asked, answerAll } = await holding();
    const client = rawClient(port, GET);
    await asked;
    const closed = closeServer(server, LONG_GRACE_MS);
    answerAll();
    await client.receives('held');
    await client.closed();
    await closed;
  });

  it('ends under clients that never stop asking, none of which misses an answer', async () => {
    const { server, port } = await serving(serverOptions, sayHello);
    const clients = Promise.all(Array.from({ length: 20 }, () => untilToldToClose(port)));
    for (let seen = 0; seen < 200; seen += 1) await once(server, 'request');
    await closeServer(server, LONG_GRACE_MS);
    await clients;
  });

  it('closes idle connections and takes no new ones', async () => {
    const { server, port } = await serving(serverOptions, sayHello);
    const idle = rawClient(port, GET);
    await idle.receives('hello');
    await closeServer(server, LONG_GRACE_MS);
    await idle.closed();
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
  });

  it('cuts off at the deadline what does not end', async () => {
    const { server, port, asked } = await holding();
    const stuck = rawClient(port, GET);
    const silent = rawClient(port, 'POST / HTTP/1.1\r\n');
    await asked;
    await closeServer(server, 100);
    await stuck.closed();
    await silent.closed();
    expect(stuck.received()).toBe('');
  });
});

describe('the limits of a server', () => {
  it('refuse headers over 16 KiB with 431', async () => {
    const { port } = await serving(serverOptions, sayHello);
    const client = rawClient(port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`);
    await client.receives('HTTP/1.1 431 ');
    await client.closed();
  });
});

describe('the probe server', () => {
  it('answers the probes and nothing else', async () => {
    const health = new Health('worker', new Registry());
    health.require('redis', () => 'not connected');
    const server = createProbeServer(health);
    const port = await listen(server, '127.0.0.1', 0);
    onTestFinished(() => closeServer(server));
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        text: await response.text(),
      };
    };
    expect(await ask('/livez')).toMatchObject({ status: 200, type: 'application/json' });
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('not connected'),
    });
    expect(await ask('/metrics')).toMatchObject({ status: 200, type: expect.stringContaining('text/plain') });
    expect(await ask('/other')).toMatchObject({ status: 404, text: '{"error":"not found"}' });
  });
});
