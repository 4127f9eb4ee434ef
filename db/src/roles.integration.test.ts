import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { allowLogin } from './roles.ts';
import { connectTo, emptyDatabase } from './testing/own-database.ts';

/** A role that can't log in yet, in a database where the server logs every statement. */
async function givenRole() {
  const url = await emptyDatabase();
  const role = `role_${randomBytes(6).toString('hex')}`;
  const owner = connectTo(url);
  onTestFinished(async () => {
    await owner`DROP ROLE ${owner(role)}`;
    await owner.end();
  });
  await owner`CREATE ROLE ${owner(role)}`;
  await owner`ALTER DATABASE ${owner(new URL(url).pathname.slice(1))} SET log_statement = 'all'`;
  const [server] = await owner<{ dir: string }[]>`SELECT current_setting('data_directory') AS dir`;
  const log = () => readFile(join(server?.dir ?? '', '..', 'postgres.log'), 'utf8');
  return { url, role, owner, log };
}

/** Whom the server takes us for; rejects when it lets us not in. */
async function loggedInAs(url: string, role: string, password: string): Promise<unknown> {
  const asRole = new URL(url);
  asRole.username = role;
  asRole.password = encodeURIComponent(password);
  const sql = connectTo(asRole.href);
  try {
    const [row] = await sql<{ role: string }[]>`SELECT current_user AS role`;
    return row?.role;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

it.each(['correct horse', `it's "\\$1" % of 100`, 'Schlüssel €'])(
  'a role logs in with its password and no other: %s',
  async (password) => {
    const { url, role } = await givenRole();
    await expect(loggedInAs(url, role, password)).rejects.toMatchObject({ severity: 'FATAL' });
    await allowLogin(url, { [role]: password });
    expect(await loggedInAs(url, role, password)).toBe(role);
    await expect(loggedInAs(url, role, `${password}!`)).rejects.toMatchObject({ code: '28P01' });
    await allowLogin(url, { [role]: 'the next' });
    expect(await loggedInAs(url, role, 'the next')).toBe(role);
  },
);

it('a password is in no statement that the server sees, and so in no log of it', async () => {
  const { url, role, log } = await givenRole();
  const password = `secret_${randomBytes(6).toString('hex')}`;
  await allowLogin(url, { [role]: password });
  const told = await vi.waitUntil(async () => {
    const text = await log();
    return text.includes(`ALTER ROLE ${role} LOGIN PASSWORD 'SCRAM-SHA-256$4096:`) && text;
  });
  expect(told).not.toContain(password);
});
