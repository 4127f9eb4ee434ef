import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Server } from './launch.ts';
import { startPostgres } from './postgres.ts';
import { tempDir } from './testing/temp-dir.ts';

async function started(...[options]: Parameters<typeof startPostgres>): Promise<Server> {
  const server = await startPostgres({ durable: false, ...options });
  onTestFinished(() => server.stop());
  return server;
}

async function ask(url: string, query: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {}, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe(query).simple())].flatMap((row) => Object.values(row as object));
  } finally {
    await sql.end({ timeout: 1 });
  }
}

describe('a Postgres of our own', () => {
  test('started again on the same folder and port after kill -9 has what it had', async () => {
    const dir = tempDir();
    const first = await started({ dir });
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    first.kill('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const second = await started({ dir, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual([42]);
  });

  test('asks for a password, which only the user it runs as can read', async () => {
    const dir = tempDir();
    const server = await started({ dir, password: 'a/b:c' });
    expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'password'), 'utf8')).toBe('a/b:c');
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('is durable unless it is told otherwise, and takes settings over its own', async () => {
    const server = await startPostgres({ dir: tempDir(), settings: { work_mem: '7MB' } });
    onTestFinished(() => server.stop());
    const values = ['fsync', 'synchronous_commit', 'full_page_writes', 'work_mem', 'listen_addresses'];
    const query = `SELECT current_setting(name) FROM unnest('{${values}}'::text[]) AS name`;
    expect(await ask(server.url, query)).toEqual(['on', 'on', 'on', '7MB', '127.0.0.1']);
  });

  test('runs in a folder that only root may enter, as somebody else', async () => {
    const closed = join(tempDir(), 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const server = await started({ dir: join(closed, 'postgres') });
    expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
    if (process.getuid?.() === 0) expect(statSync(join(server.dir, 'cluster')).uid).not.toBe(0);
  });

  test('does not take a cluster whose making was interrupted for a whole one', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'cluster.new'));
    writeFileSync(join(dir, 'cluster.new', 'PG_VERSION'), '18\n');
    const server = await started({ dir });
    expect(await ask(server.url, 'SELECT 1')).toEqual([1]);
    expect(existsSync(join(dir, 'cluster.new'))).toBe(false);
  });

  test('says why when it cannot start', async () => {
    const settings = { shared_buffers: 'many' };
    await expect(startPostgres({ dir: tempDir(), durable: false, settings })).rejects.toThrow(
      /shared_buffers/,
    );
  });
});
