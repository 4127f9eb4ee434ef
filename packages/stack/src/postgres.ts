/**
 * A Postgres of our own, from its binaries in the package registry.
 *
 * `dir` holds `cluster` (its data, of the user it runs as) and `password` (the owner's, mode 600). A cluster is
 * made beside and renamed, so that one that was interrupted is never taken for a whole one. Ready is what
 * postmaster.pid says of our own pid, as pg_ctl reads it, so that no other server is taken for ours.
 */
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { freePort } from './free-port.ts';
import { describeExit, type LaunchOptions, launch, type Running, type Server } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { postgresAccount } from './postgres-account.ts';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import { postgresSettings } from './postgres-settings.ts';

/** Its owner, and the database's name. */
const OWNER = 'sluice';
/** Recovery replays at most two checkpoints' WAL, a gigabyte or two: a minute on a slow disk. */
const READY_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 20;
/** The checkpoint of a clean end writes what is dirty in shared_buffers. */
const GRACE_MS = 60_000;

export interface PostgresOptions {
  dir: string;
  port?: number;
  /** False for a throwaway server: it survives the death of its process, not of the machine. */
  durable?: boolean;
  /** More of postgresql.conf, and over what is set here. */
  settings?: Record<string, string>;
  /** The owner's, when the cluster is made; random when absent. Later on the one in `dir` counts. */
  password?: string;
  /** Gets each line of its log, which otherwise goes to `postgres.log` in `dir`. */
  onLine?: (line: string) => void;
  onSpawn?: (pid: number) => void;
}

/** The owner's URL of the cluster in `dir`, whether it runs or not. */
export async function postgresUrl(dir: string, port: number): Promise<string> {
  return `postgres://${OWNER}:${await readPassword(dir)}@127.0.0.1:${port}/${OWNER}`;
}

/**
 * Starts Postgres on the loopback, making its cluster first when there is none. `url` is the owner's. Rejects, with
 * its last words, when it ends before it is ready.
 */
export async function startPostgres(options: PostgresOptions): Promise<Server> {
  const { dir, port = await freePort(), durable = true, settings = {} } = options;
  const binaries = postgresBinaries();
  const cluster = join(dir, 'cluster');
  const account = await postgresAccount(cluster);
  await mkdir(dir, { recursive: true });
  if (!(await exists(cluster))) await makeCluster(binaries, options, account);

  const running = await startReady(
    () =>
      launch({
        ...unprivileged(binaries, dir, account),
        command: binaries.postgres,
        args: [
          '-D',
          cluster,
          ...commandLine({ port: String(port), ...postgresSettings(durable), ...settings }),
        ],
        // SIGINT is its "fast" end: clients are sent away, everything is written.
        stopSignal: 'SIGINT',
        graceMs: GRACE_MS,
        onLine: options.onLine ?? openLogFile(join(dir, 'postgres.log')).write,
        onSpawn: options.onSpawn,
      }),
    cluster,
  );
  const url = await postgresUrl(dir, port);
  await makeDatabase(url);
  return { ...running, url, port, dir };
}

async function makeCluster(
  binaries: PostgresBinaries,
  { dir, durable = true, password = randomBytes(24).toString('hex') }: PostgresOptions,
  account: { uid: number; gid: number } | undefined,
): Promise<void> {
  const making = join(dir, 'cluster.new');
  const passwordFile = join(dir, 'password');
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { mode: 0o700 });
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) {
    await chown(making, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  const initdb = await launch({
    ...unprivileged(binaries, dir, account),
    command: binaries.initdb,
    args: [
      ...['--pgdata', making, '--username', OWNER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      // Bytewise order and Unicode's own letters, whatever the machine's locale: the same reports everywhere.
      ...[
        '--encoding',
        'UTF8',
        '--locale',
        'C',
        '--locale-provider',
        'builtin',
        '--builtin-locale',
        'C.UTF-8',
      ],
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ],
    stopSignal: 'SIGINT',
    graceMs: GRACE_MS,
  });
  const exit = await initdb.exited;
  if (exit.code !== 0)
    throw new Error(`initdb failed (${describeExit(exit)}): ${initdb.tail().slice(-4).join(' / ')}`);
  await rename(making, join(dir, 'cluster'));
}

function unprivileged(
  { postgres: program }: PostgresBinaries,
  dir: string,
  account: { uid: number; gid: number } | undefined,
): Pick<LaunchOptions, 'as' | 'cwd'> {
  return {
    // Not ours: a user who may not enter the current folder must be able to start in it.
    cwd: '/',
    as: account ? { account, reach: [program, dir] } : undefined,
  };
}

function commandLine(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Starts it, again and again while the backends of one that was killed still hold the shared memory. */
async function startReady(start: () => Promise<Running>, cluster: string): Promise<Running> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const running = await start();
    const ended = await untilReady(running, cluster, deadline);
    if (ended === undefined) return running;
    const lastWords = running.tail().slice(-3).join(' / ');
    if (!lastWords.includes('still in use') || Date.now() > deadline) {
      throw new Error(`postgres isn't ready (${ended}): ${lastWords}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Undefined when it is ready, else how it ended. */
async function untilReady(running: Running, cluster: string, deadline: number): Promise<string | undefined> {
  let ended: string | undefined;
  void running.exited.then((exit) => {
    ended = describeExit(exit);
  });
  while (ended === undefined && Date.now() < deadline) {
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lines[0] === String(running.pid) && lines[7]?.trim() === 'ready') return undefined;
    await sleep(LOOK_AGAIN_MS);
  }
  await running.stop();
  return ended ?? 'time is up';
}

/** The file is read anew each time: it belongs to the cluster, not to who asked first. */
async function readPassword(dir: string): Promise<string> {
  return encodeURIComponent((await readFile(join(dir, 'password'), 'utf8')).trim());
}

async function makeDatabase(url: string): Promise<void> {
  const inCluster = new URL(url);
  inCluster.pathname = '/postgres';
  const sql = postgres(inCluster.href, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const found = await sql`SELECT 1 FROM pg_database WHERE datname = ${OWNER}`;
    if (found.length === 0) await sql`CREATE DATABASE ${sql(OWNER)}`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
