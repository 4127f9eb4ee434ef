import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AnswerReader } from './answer-reader.ts';
import { PacedSender } from './paced-sender.ts';

const REQUEST = 'POST /event HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}';

async function serving(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it('sends as many requests as the rate asks for and counts their answers', async () => {
  const port = await serving((_, response) => void response.writeHead(204).end());
  const sent = await new PacedSender({
    port,
    requests: [REQUEST],
    connections: 4,
    perSecond: 200,
    seconds: 0.5,
  }).run();
  expect(sent.statuses['204']).toBe(sent.answered);
  expect(sent.answered + sent.unanswered).toBe(Math.floor(sent.seconds * 200));
});

it('charges nobody for the time before a request was due', async () => {
  const port = await serving((_, response) => void response.writeHead(204).end());
  const sent = await new PacedSender({
    port,
    requests: [REQUEST],
    connections: 1,
    perSecond: 2,
    seconds: 2,
  }).run();
  expect(sent.p50Ms).toBeLessThan(250);
});

it('charges a server that stalls for the requests that were due meanwhile', async () => {
  const port = await serving((_, response) => void setTimeout(() => response.writeHead(204).end(), 200));
  const sent = await new PacedSender({
    port,
    requests: [REQUEST],
    connections: 1,
    perSecond: 50,
    seconds: 0.5,
  }).run();
  expect(sent.maxMs).toBeGreaterThan(300);
  expect(sent.unanswered).toBeGreaterThan(10);
});

it.each([
  ['without a body', 'HTTP/1.1 204 No Content\r\nx: y\r\n\r\n', 204],
  ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200],
  ['in chunks', 'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 503],
])('an answer %s ends where it ends, however it is cut', (_, text, status) => {
  const reader = new AnswerReader();
  const bytes = [...Buffer.from(text)];
  const found = bytes.map((byte) => reader.read(Buffer.from([byte])));
  expect(found.filter((each) => each !== undefined)).toEqual([status]);
  expect(found.at(-1)).toBe(status);
});
