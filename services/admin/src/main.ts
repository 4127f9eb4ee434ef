/** The `sluice` command. Wiring, and what a person sees. */
import { createShardClient } from '@sluice/event/shard-client';
import { shardsOf } from '@sluice/event/stream';
import type { NewEntry } from '@sluice/event/stream-scripts';
import { ConfigError } from '@sluice/service/config';
import { withDeadline } from '@sluice/service/deadline';
import postgres from 'postgres';
import { type Command, HELP, readCommand } from './command.ts';
import { databaseConfig, streamConfig } from './config.ts';
import { dropLetters, findLetter, listLetters, NoSuchLetterError, replayLetters } from './dead-letters.ts';
import { verify } from './verify.ts';

const REDIS_SILENCE_MS = 5_000;
const REDIS_PING_MS = 1_000;

const command = readCommand(process.argv.slice(2));
process.exitCode = await main(command).catch((error: unknown) => {
  const expected = error instanceof ConfigError || error instanceof NoSuchLetterError;
  console.error(expected ? error.message : `failed: ${(error as Error).message}`);
  return 2;
});

/** @returns the exit code: 0 done, 1 verify found differences, 2 it could not be done. */
async function main(asked: Command): Promise<number> {
  if (asked.name === 'help') {
    console.log(HELP);
    return 0;
  }
  if (asked.name === 'wrong') {
    console.error(`${asked.problem}\n\n${HELP}`);
    return 2;
  }
  const sql = postgres(databaseConfig().DATABASE_URL, {
    max: 2,
    onnotice: () => undefined,
    connection: { application_name: 'sluice-admin' },
  });
  try {
    return await run(asked, sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function run(asked: Exclude<Command, { name: 'help' | 'wrong' }>, sql: postgres.Sql): Promise<number> {
  switch (asked.name) {
    case 'list': {
      const letters = await listLetters(sql, asked.limit);
      if (asked.json) console.log(JSON.stringify(letters, undefined, 2));
      else for (const letter of letters) console.log(lineOf(letter));
      if (letters.length === 0 && !asked.json) console.error('no dead letters');
      return 0;
    }
    case 'show':
      console.log(JSON.stringify(await findLetter(sql, asked.fingerprint), undefined, 2));
      return 0;
    case 'drop': {
      const dropped = await dropLetters(sql, await whole(sql, asked.fingerprint));
      console.log(`dropped ${dropped}`);
      return 0;
    }
    case 'replay': {
      const fingerprint = await whole(sql, asked.fingerprint);
      const { replayed, unreadable } = await withStream((append) => replayLetters(sql, append, fingerprint));
      console.log(`sent ${replayed} again`);
      if (unreadable > 0)
        console.error(`${unreadable} hold no event that could be sent again; show or drop them`);
      return unreadable > 0 && replayed === 0 ? 2 : 0;
    }
    case 'verify':
      return verify(sql, asked.verify);
  }
}

async function whole(sql: postgres.Sql, fingerprint: string | undefined): Promise<string | undefined> {
  return fingerprint === undefined ? undefined : (await findLetter(sql, fingerprint)).fingerprint;
}

async function withStream<T>(work: (append: (entry: NewEntry) => Promise<void>) => Promise<T>): Promise<T> {
  const config = streamConfig();
  // Any shard will do: the workers serve them all.
  const [shard] = shardsOf(config.STREAM_KEY, config.STREAM_SHARDS);
  if (shard === undefined) throw new Error('there is no shard');
  const client = createShardClient(config, shard, {
    name: 'sluice-admin',
    socketTimeoutMs: REDIS_SILENCE_MS,
    pingIntervalMs: REDIS_PING_MS,
  });
  // connect() and the commands reject with the same errors.
  client.on('error', () => undefined);
  try {
    // connect() itself tries for as long as it takes.
    await withDeadline<unknown>(client.connect(), REDIS_SILENCE_MS, 'connecting to Redis');
    return await work(async (entry) => {
      // A replay is an operator's decision: no high-water mark.
      await client.append(shard.keys, Number.MAX_SAFE_INTEGER, [entry]);
    });
  } finally {
    client.destroy();
  }
}

function lineOf(letter: Awaited<ReturnType<typeof findLetter>>): string {
  const payload = letter.payload.length > 80 ? `${letter.payload.slice(0, 80)}…` : letter.payload;
  const columns = [
    letter.fingerprint.slice(0, 12),
    letter.last_seen.toISOString(),
    `×${letter.times}`,
    letter.sqlstate ?? '-',
    letter.reason,
    JSON.stringify(payload),
  ];
  return columns.join('  ');
}
