import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createIngestServer } from './server.ts';
import { newApp } from './testing/asking.ts';

const EVENT = '{"site_id":"site-1","event_type":"page_view"}';

/** Sends these packets, each when the one before has been read. @returns all that is answered. */
async function answers(server: Server, ...packets: string[]): Promise<string> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay();
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk.toString();
  });
  const [theirs] = await accepted;
  let sent = 0;
  for (const packet of packets) {
    socket.write(packet);
    sent += Buffer.byteLength(packet);
    await vi.waitUntil(() => theirs.bytesRead === sent, { interval: 1 });
  }
  socket.end();
  await once(socket, 'close');
  return heard;
}

const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const post = (body: string, path = '/event') =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

async function listening(options: Parameters<typeof newApp>[0] = {}) {
  const defects: unknown[] = [];
  const { app, events } = newApp(options);
  const server = createIngestServer(app, (error) => defects.push(error)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { server, events, defects };
}

it.each([
  ['in one packet', [post(EVENT)]],
  ['with its body in a packet of its own', [post(EVENT).slice(0, -EVENT.length), EVENT]],
  ['byte by byte', [...post(EVENT)]],
  ['with a query', [post(EVENT, '/event?from=here')]],
  ['in chunks', ['POST /event HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n', chunked(EVENT)]],
])('an event is taken that comes %s', async (_, packets) => {
  const { server, events } = await listening();
  expect(await answers(server, ...packets)).toMatch(
    /^HTTP\/1\.1 204 No Content\r\n(.+\r\n)*access-control-allow-origin: \*\r\n/,
  );
  expect(events()).toHaveLength(1);
});

it('requests that come together are answered in their order', async () => {
  const { server, events } = await listening();
  const all = post(EVENT) + post('{') + post(EVENT) + post('[', '/events') + post(EVENT);
  const statuses = [...(await answers(server, all)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(
    ([, status]) => status,
  );
  expect(statuses).toEqual(['204', '400', '204', '400', '204']);
  expect(events()).toHaveLength(3);
});

it('a defect is told, and answered 500', async () => {
  const defect = new Error('mine');
  const { server, defects } = await listening({ append: () => Promise.reject(defect) });
  expect(await answers(server, post(EVENT))).toMatch(/^HTTP\/1\.1 500 /);
  expect(defects).toEqual([defect]);
});
