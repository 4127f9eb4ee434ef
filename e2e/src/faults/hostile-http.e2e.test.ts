/** Faults 30 and 31: requests that are no HTTP, and bodies without an end. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createEvent } from '../contents.ts';
import { impatient } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { RawClient } from '../raw-client.ts';
import { seededRandom } from '../seed.ts';
import type { ServiceProcess } from '../service-process.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const MAX_GROWTH_BYTES = 50 * 1_024 * 1_024;
/** Above ingest's time-outs, see `impatient`. */
const ANSWER_WITHIN_MS = 10_000;

/** Says something to a server. */
type Attack = (client: RawClient, event: string) => Promise<void>;

interface Hostile {
  readonly attack: Attack;
  /** What the server must answer. */
  readonly status: number;
  /** The request was a whole one, so the connection may serve others. */
  readonly keeps?: boolean;
}

const say =
  (text: (event: string) => string): Attack =>
  (client, event) =>
    client.say(Buffer.from(text(event), 'latin1'));

const POST = 'POST /event HTTP/1.1\r\n';
const HOST = 'host: a\r\n';
const length = (event: string) => `content-length: ${event.length}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const CHUNKED = 'transfer-encoding: chunked\r\n';

const MALFORMED: Readonly<Record<string, Hostile>> = {
  'a content-length beside chunks': {
    attack: say((event) => `${POST}${HOST}${length(event)}${CHUNKED}\r\n${chunk(event)}0\r\n\r\n`),
    status: 400,
  },
  'two lengths': {
    attack: say((event) => `${POST}${HOST}${length(event)}content-length: 7\r\n\r\n${event}`),
    status: 400,
  },
  'a length below zero': {
    attack: say((event) => `${POST}${HOST}content-length: -1\r\n\r\n${event}`),
    status: 400,
  },
  'a chunk of no size': {
    attack: say((event) => `${POST}${HOST}${CHUNKED}\r\n${chunk(event)}zz\r\n\r\n`),
    status: 400,
  },
  'a NUL in a header': {
    attack: say((event) => `${POST}${HOST}x-a: b\0c\r\n${length(event)}\r\n${event}`),
    status: 400,
  },
  'a space before a colon': {
    attack: say((event) => `${POST}${HOST}x-a : b\r\n${length(event)}\r\n${event}`),
    status: 400,
  },
  'a header of 20 kB': {
    attack: say((event) => `${POST}${HOST}x-a: ${'b'.repeat(20_000)}\r\n${length(event)}\r\n${event}`),
    status: 431,
  },
  'no host': {
    attack: say((event) => `${POST}${length(event)}\r\n${event}`),
    status: 400,
  },
  'the first bytes of TLS': {
    attack: say(() => `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\xab'.repeat(512)}`),
    status: 400,
  },
};

const PIECE = Buffer.alloc(64 * 1_024, 'x');
/** In pieces until there is an answer: far more than what any sender would get rid of. */
async function sayMuch(client: RawClient, piece: Buffer | string): Promise<void> {
  for (let said = 0; said < 1_024 && client.isOpen && client.status === undefined; said += 1) {
    await client.say(piece);
  }
}

const BOMB = gzipSync(Buffer.alloc(256 * 1_024 * 1_024, ' '));
const ENDLESS: Readonly<Record<string, Hostile>> = {
  'a length of 1 GB': {
    attack: async (client) => {
      await client.say(`POST /events HTTP/1.1\r\n${HOST}content-length: ${2 ** 30}\r\n\r\n`);
      await sayMuch(client, PIECE);
    },
    status: 413,
  },
  'a length of 1 GB, and silence': {
    attack: (client) => client.say(`POST /events HTTP/1.1\r\n${HOST}content-length: ${2 ** 30}\r\n\r\n`),
    status: 408,
  },
  'chunks without an end': {
    attack: async (client) => {
      await client.say(`POST /events HTTP/1.1\r\n${HOST}${CHUNKED}\r\n`);
      await sayMuch(client, chunk(PIECE.toString('latin1')));
    },
    status: 413,
  },
  'a gzip bomb': {
    attack: async (client) => {
      await client.say(
        `POST /events HTTP/1.1\r\n${HOST}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`,
      );
      await client.say(BOMB);
    },
    status: 413,
    keeps: true,
  },
  'a body cut short': {
    attack: async (client, event) => {
      await client.say(`${POST}${HOST}content-length: ${event.length + 1}\r\n\r\n${event}`);
      client.end();
    },
    status: 400,
  },
};

/** The status that the server answered. @throws when it doesn't close the connection, where it must. */
async function statusOf(
  url: string,
  { attack, keeps = false }: Hostile,
  event: string,
): Promise<number | undefined> {
  const client = await RawClient.connect(url);
  try {
    await attack(client, event);
    await until('answered and closed', ANSWER_WITHIN_MS, () =>
      client.isOpen && !(keeps && client.status !== undefined) ? `status ${client.status}` : undefined,
    );
    return client.status;
  } finally {
    client.hangUp();
  }
}

const memoryOf = (service: ServiceProcess) => service.metric('process_resident_memory_bytes');

/** Runs each attack `times` at once, all of them `rounds` times, and watches ingest's memory meanwhile. */
async function assertRepelled(
  system: System,
  attacks: typeof MALFORMED,
  { times, rounds }: { times: number; rounds: number },
): Promise<void> {
  const random = seededRandom();
  const { ingest } = system;
  const event = createEvent(random, 'hostile', 0).json.replace(/[^\x20-\x7e]/g, '?');
  // A young process grows by itself.
  const warming = startLoad(system, { random, connections: 20, count: 3_000 });
  await warming.done;
  const load = startLoad(system, { random, connections: 5, rate: 100 });
  const before = await memoryOf(ingest);
  let highest = before;
  const look = async () => {
    highest = Math.max(highest, await memoryOf(ingest).catch(() => 0));
  };
  const watch = setInterval(() => void look(), 100);
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, hostile] of Object.entries(attacks)) {
        const all = Array.from({ length: times }, () => statusOf(ingest.url, hostile, event));
        expect(new Set(await Promise.all(all)), name).toEqual(new Set([hostile.status]));
      }
    }
  } finally {
    clearInterval(watch);
  }
  await load.stop();
  console.log(`memory ${mebibytes(before)} MiB, at most ${mebibytes(highest)} MiB`);
  expect(highest - before).toBeLessThan(MAX_GROWTH_BYTES);
  expect(Object.keys(load.statuses)).toEqual(['204']);
  // Only what the loads sent is there.
  expect((await system.backlog()).accepted).toBe(load.acked.size + warming.acked.size);
  await assertNothingLostOrDoubled(system, [warming, load]);
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_024 / 1_024);
}

describe('hostile HTTP', () => {
  it('fault 30: malformed requests → 400 or 431, nothing enqueued, memory flat', async () => {
    const system = await givenSystem({ workers: 1 });
    await assertRepelled(system, MALFORMED, { times: 10, rounds: 6 });
  });

  it('fault 31: bodies without an end, or cut short → 413, 408 or 400, nothing enqueued, memory flat', async () => {
    const system = await givenSystem({ ingests: 0, workers: 1 });
    await system.add('ingest', { rewrites: impatient });
    await assertRepelled(system, ENDLESS, { times: 1, rounds: 2 });
  });
});
