/** A Postgres and a streaming replica of it, gone with the test. */
import { execFile } from 'node:child_process';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Server } from '@sluice/stack/launch';
import { startPostgres } from '@sluice/stack/postgres';
import { cloneDatabase, createTemplate } from '@sluice/stack/template';
import postgres from 'postgres';
import { onTestFinished, vi } from 'vitest';

/** Streaming takes milliseconds; the rest is for a busy machine. */
const STREAMED = { timeout: 30_000, interval: 20 };

export interface ReplicatedPostgres {
  readonly primary: Server;
  /** Owners of the tables. */
  readonly onPrimary: postgres.Sql;
  readonly onReplica: postgres.Sql;
  /** The reader's. */
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  /** Waits until the replica has replayed all that is committed on the primary at this moment. */
  readonly caughtUp: () => Promise<void>;
}

/** The replica begins as a copy of the primary's folder while neither runs, which needs no program of its own. */
export async function replicatedPostgres(): Promise<ReplicatedPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-replicated-'));
  const started: { stop: () => Promise<unknown> }[] = [];
  onTestFinished(async () => {
    for (const each of started.reverse()) await each.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const [primaryDir, replicaDir] = [join(dir, 'primary'), join(dir, 'replica')];
  const streaming = { wal_level: 'replica', max_wal_senders: '4' };
  await (await startPostgres({ dir: primaryDir, durable: false, settings: streaming })).stop();
  await promisify(execFile)('cp', ['-a', primaryDir, replicaDir]);
  await makeStandby(join(replicaDir, 'cluster'));

  const primary = await startPostgres({ dir: primaryDir, durable: false, settings: streaming });
  started.push(primary);
  const following = {
    ...streaming,
    primary_conninfo: conninfo(primary.url),
    wal_retrieve_retry_interval: '100ms',
  };
  const replica = await startPostgres({ dir: replicaDir, durable: false, settings: following });
  started.push(replica);

  const database = await cloneDatabase(primary.url, await createTemplate(primary.url));
  const replicated = (url: string) => Object.assign(new URL(url), { port: String(replica.port) }).href;
  const connect = (url: string) => {
    const sql = postgres(url, { max: 2, fetch_types: false, onnotice: () => undefined });
    started.push({ stop: () => sql.end({ timeout: 1 }) });
    return sql;
  };
  const onPrimary = connect(database.url);
  const onServer = connect(replica.url);
  const caughtUp = async () => {
    const [row] = await onPrimary`SELECT pg_current_wal_lsn()::text AS lsn`;
    await vi.waitUntil(async () => {
      const [replayed] = await onServer`SELECT pg_last_wal_replay_lsn() >= ${row?.['lsn']}::pg_lsn AS it`;
      return replayed?.['it'] === true;
    }, STREAMED);
  };
  await caughtUp();
  return {
    primary,
    onPrimary,
    onReplica: connect(replicated(database.url)),
    primaryUrl: database.statsUrl,
    replicaUrl: replicated(database.statsUrl),
    caughtUp,
  };
}

async function makeStandby(cluster: string): Promise<void> {
  const signal = join(cluster, 'standby.signal');
  await writeFile(signal, '');
  const { uid, gid } = await stat(cluster);
  await chown(signal, uid, gid);
}

function conninfo(url: string): string {
  const { hostname, port, username, password } = new URL(url);
  return `host=${hostname} port=${port} user=${username} password=${password}`;
}
