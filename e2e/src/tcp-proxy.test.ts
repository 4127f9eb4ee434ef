import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

let server: Server;
let proxy: TcpProxy;
/** What the server's newest connection has received, and that connection. */
let received = '';
let serverSide: Socket;
let client: Socket;
let answer = '';
let clientEnd: string | undefined;

beforeEach(async () => {
  [received, answer, clientEnd] = ['', '', undefined];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    serverSide = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(chunk);
    });
    socket.on('end', () => socket.end('bye'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await TcpProxy.start(0, (server.address() as AddressInfo).port);
  client = await connected();
});

afterEach(async () => {
  client.destroy();
  await proxy.close();
  server.close();
});

async function connected(): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.on('end', () => {
    clientEnd = 'end';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    clientEnd = error.code;
  });
  await once(socket, 'connect');
  return socket;
}

const answered = (text: string) =>
  until('answered', 2_000, () => (answer === text ? undefined : `answer ${answer}`));

it('passes both ways, and the end of either side', async () => {
  client.write('hello');
  await answered('hello');
  client.end();
  await answered('hellobye');
  await until('ended', 1_000, () => (clientEnd === 'end' ? undefined : 'open'));
});

it('holds everything back in a black hole and delivers it afterwards, its sender gone', async () => {
  client.write('one');
  await answered('one');
  proxy.blackhole();
  client.write('two');
  client.destroy();
  await sleep(100);
  expect(received).toBe('one');
  proxy.pass();
  await until('received', 2_000, () => (received === 'onetwo' ? undefined : received));
});

it('answers nothing to who connects into a black hole, and lets them through later', async () => {
  proxy.blackhole();
  const late = await connected();
  late.write('hello');
  await sleep(50);
  expect(answer).toBe('');
  proxy.pass();
  await answered('hello');
  late.destroy();
});

it('resets open connections and new ones', async () => {
  client.write('hello');
  await answered('hello');
  proxy.reset();
  await until('reset', 1_000, () => (clientEnd === 'ECONNRESET' ? undefined : `${clientEnd}`));
  clientEnd = undefined;
  await connected().catch(() => undefined);
  await until('reset', 1_000, () => (clientEnd === 'ECONNRESET' ? undefined : `${clientEnd}`));
});

it('cuts the connection after so many bytes towards the server', async () => {
  client.write('hello');
  await answered('hello');
  proxy.cutAfter(3);
  client.write('world');
  await until('cut', 1_000, () => (clientEnd === undefined ? 'open' : undefined));
  expect(received).toBe('hellowor');
});

it('tells one side of an end and leaves the other way open', async () => {
  client.write('hello');
  await answered('hello');
  proxy.halfClose('client');
  await until('ended', 1_000, () => (clientEnd === 'end' ? undefined : 'open'));
  client.write('more');
  await until('received', 1_000, () => (received === 'hellomore' ? undefined : received));
  expect(serverSide.readableEnded).toBe(false);
});

it('delays', async () => {
  proxy.delay(60);
  const startedAt = performance.now();
  client.write('hello');
  await answered('hello');
  expect(performance.now() - startedAt).toBeGreaterThan(115);
});

it('throttles', async () => {
  proxy.throttle(100_000);
  const startedAt = performance.now();
  const text = 'x'.repeat(20_000);
  client.write(text);
  await answered(text);
  expect(performance.now() - startedAt).toBeGreaterThan(200);
});
