/**
 * Debian's pgbouncer in transaction mode, between services and a system's Postgres: a client has a server's
 * connection only for as long as a statement takes.
 *
 * It logs in to Postgres with the passwords that it checks its clients by, so the roles' own settings arrive.
 */
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, type Server } from '@sluice/stack/launch';
import { postgresAccount } from '@sluice/stack/postgres-account';
import { rolePasswords, roleUrl } from '@sluice/stack/role-urls';
import postgres from 'postgres';
import { onTestFinished } from 'vitest';
import { ServerProcess } from '../server-process.ts';
import { stablePort } from '../stable-port.ts';
import type { System } from '../system.ts';
import { Hopeless, until } from '../until.ts';

const READY_WITHIN_MS = 10_000;
const GRACE_MS = 5_000;
const ADMIN = 'pgbouncer';
const ADMIN_PASSWORD = 'of-a-test';

export interface Pgbouncer {
  readonly process: ServerProcess;
  readonly workerUrl: string;
  readonly statsUrl: string;
  /** On one of the connections that it has to Postgres for stats. */
  readonly preparedStatements: () => Promise<number>;
}

/** Starts one before the system's Postgres, for the test. @param poolSize connections to Postgres of each role. */
export async function givenPgbouncer(system: System, poolSize: number): Promise<Pgbouncer> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-pgbouncer-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const port = await stablePort();
  await writeFile(join(dir, 'pgbouncer.ini'), settingsText(system.databaseUrl, dir, port, poolSize));
  await writeFile(join(dir, 'users.txt'), usersText(system.databaseUrl));
  const account = await postgresAccount(dir);
  if (account !== undefined) await chown(dir, account.uid, account.gid);
  const url = consoleUrl(port);
  const process = await ServerProcess.start(async () => {
    const running = await launch({
      command: 'pgbouncer',
      args: [join(dir, 'pgbouncer.ini')],
      cwd: '/',
      as: account === undefined ? undefined : { account, reach: [dir] },
      stopSignal: 'SIGINT',
      graceMs: GRACE_MS,
    });
    let ended = false;
    void running.exited.then(() => {
      ended = true;
    });
    await until('ready: pgbouncer', READY_WITHIN_MS, async () => {
      if (ended) throw new Hopeless(`pgbouncer ended: ${running.tail().slice(-3).join(' / ')}`);
      await asked(url, 'SHOW VERSION');
      return undefined;
    });
    return { ...running, url, port, dir } satisfies Server;
  });
  onTestFinished(() => process.stop());
  const through = (role: 'sluice_worker' | 'sluice_stats') =>
    Object.assign(new URL(roleUrl(system.databaseUrl, role)), { port: String(port) }).href;
  const statsUrl = through('sluice_stats');
  return {
    process,
    workerUrl: through('sluice_worker'),
    statsUrl,
    preparedStatements: async () => {
      const [row] = await asked(statsUrl, 'SELECT count(*)::int AS count FROM pg_prepared_statements');
      return Number(row?.['count']);
    },
  };
}

function settingsText(ownerUrl: string, dir: string, port: number, poolSize: number): string {
  const { hostname, port: postgresPort, pathname } = new URL(ownerUrl);
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    pool_mode: 'transaction',
    default_pool_size: poolSize,
    max_client_conn: 200,
    auth_type: 'scram-sha-256',
    auth_file: join(dir, 'users.txt'),
    admin_users: ADMIN,
    // A statement that waits in line for longer gets an error and is tried again; WRITE_DEADLINE_MS would end the worker.
    query_wait_timeout: 2,
    server_login_retry: 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[databases]\n${pathname.slice(1)} = host=${hostname} port=${postgresPort}\n[pgbouncer]\n${lines.join('\n')}\n`;
}

function usersText(ownerUrl: string): string {
  const passwords = { ...rolePasswords(ownerUrl), [ADMIN]: ADMIN_PASSWORD };
  return Object.entries(passwords)
    .map(([user, password]) => `"${user}" "${password}"\n`)
    .join('');
}

function consoleUrl(port: number): string {
  return `postgres://${ADMIN}:${ADMIN_PASSWORD}@127.0.0.1:${port}/pgbouncer`;
}

/** Its console knows plain queries only. */
async function asked(url: string, command: string): Promise<readonly postgres.Row[]> {
  const sql = postgres(url, { max: 1, fetch_types: false, prepare: false, onnotice: () => undefined });
  try {
    return await sql.unsafe(command).simple();
  } finally {
    await sql.end({ timeout: 1 });
  }
}
