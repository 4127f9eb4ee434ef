/** The stream as Redis has it, read with plain commands and names: nothing of the product's code. */
import { createClient } from 'redis';

export const STREAM = 'sluice:events';
const GROUP = 'workers';

export interface Backlog {
  /** Events, as the counters have them. */
  readonly accepted: number;
  readonly settled: number;
  readonly lost: number;
  /** Entries in the stream. */
  readonly entries: number;
  /** Entries delivered and not acknowledged. */
  readonly pending: number;
}

/** The keys of the streams: one, or as many as there are shards. */
export function streamsOf(shards: number): readonly string[] {
  return shards === 0 ? [STREAM] : Array.from({ length: shards }, (_, at) => `${STREAM}:{${at}}`);
}

/** One look at all streams, over a connection of its own. Rejects when Redis doesn't answer. */
export async function readBacklog(redisUrl: string, shards = 0): Promise<Backlog> {
  return withRedis(redisUrl, async (client) =>
    sumOf(await Promise.all(streamsOf(shards).map((stream) => backlogOf(client, stream)))),
  );
}

export function sumOf(backlogs: readonly Backlog[]): Backlog {
  const sum = (of: (backlog: Backlog) => number) => backlogs.reduce((total, each) => total + of(each), 0);
  return {
    accepted: sum(({ accepted }) => accepted),
    settled: sum(({ settled }) => settled),
    lost: sum(({ lost }) => lost),
    entries: sum(({ entries }) => entries),
    pending: sum(({ pending }) => pending),
  };
}

/** The backlog of one stream. */
export async function backlogOf(
  client: Pick<RedisClient, 'mGet' | 'xLen' | 'xInfoGroups'>,
  stream: string,
): Promise<Backlog> {
  const [accepted, settled, lost] = await client.mGet([
    `${stream}:accepted`,
    `${stream}:settled`,
    `${stream}:lost`,
  ]);
  return {
    accepted: Number(accepted ?? 0),
    settled: Number(settled ?? 0),
    lost: Number(lost ?? 0),
    entries: await client.xLen(stream),
    pending: await pendingOf(client, stream),
  };
}

/** The names of the consumers in the group, dead ones too. */
export async function readConsumers(redisUrl: string): Promise<readonly string[]> {
  return withRedis(redisUrl, async (client) =>
    (await client.xInfoConsumers(STREAM, GROUP)).map(({ name }) => name),
  );
}

/** Adds an entry as no ingest would. @returns its id. */
export function addByHand(redisUrl: string, fields: Readonly<Record<string, string>>): Promise<string> {
  return withRedis(redisUrl, (client) => client.xAdd(STREAM, '*', fields));
}

/** The next entries get ids of that time or later, as after a clock that was there. In epoch milliseconds. */
export async function continueFrom(redisUrl: string, time: number): Promise<void> {
  await withRedis(redisUrl, (client) => client.xSetId(STREAM, `${time}-0`));
}

/** How often each entry that is pending was delivered. */
export function deliveries(redisUrl: string): Promise<number[]> {
  return withRedis(redisUrl, async (client) => {
    const pending = await client.xPendingRange(STREAM, GROUP, '-', '+', 10_000);
    return pending.map(({ deliveriesCounter }) => deliveriesCounter);
  });
}

export type RedisClient = ReturnType<typeof createPlainClient>;

/** Runs commands over a connection of their own. */
export async function withRedis<T>(redisUrl: string, work: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = createPlainClient(redisUrl);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

function createPlainClient(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, connectTimeout: 1_000, socketTimeout: 5_000 },
  });
}

async function pendingOf(client: Pick<RedisClient, 'xInfoGroups'>, stream: string): Promise<number> {
  const groups = await client.xInfoGroups(stream).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('no such key')) return [];
    throw error;
  });
  return groups.find(({ name }) => name === GROUP)?.pending ?? 0;
}
