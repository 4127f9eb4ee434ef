/**
 * Yardstick: the least that a Node server can do for a request. No parsing, no checks, no routes, no
 * counters, no limits: `node:http` reads the body, Redis gets it as it is, the answer is 204.
 *
 * - `coalesced`: the same Redis work as Sluice's. One XADD is under way at a time, and what arrives
 *   meanwhile goes into the next one, bodies separated by newlines.
 * - `xadd-each`: one XADD a request, as most services do it.
 * - `none`: the answer without Redis, so what HTTP alone costs.
 */
import { createServer } from 'node:http';
import { createClient } from 'redis';
import { bareConfig } from './config.ts';

const STREAM = 'bare:events';

const { port, redisUrl, redisWork } = bareConfig();
const client = createClient({ url: redisUrl });
client.on('error', () => undefined);
await client.connect();

interface Waiting {
  readonly body: string;
  readonly done: () => void;
}
let waiting: Waiting[] = [];
let busy = false;

async function appendAll(): Promise<void> {
  busy = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    const events = group.map(({ body }) => body).join('\n');
    await client.xAdd(STREAM, '*', { n: String(group.length), events });
    for (const { done } of group) done();
  }
  busy = false;
}

/** Resolves when the body is where the yardstick wants it. */
const WORK: Readonly<Record<typeof redisWork, (body: string) => Promise<unknown>>> = {
  none: () => Promise.resolve(),
  'xadd-each': (body) => client.xAdd(STREAM, '*', { event: body }),
  coalesced: (body) =>
    new Promise<void>((done) => {
      waiting.push({ body, done });
      if (!busy) setImmediate(() => busy || void appendAll());
    }),
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    void WORK[body === '' ? 'none' : redisWork](body).then(() => {
      response.statusCode = 204;
      response.end();
    });
  });
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
