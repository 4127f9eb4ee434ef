import { expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { connectTo, emptyDatabase } from './testing/own-database.ts';

/** The migrations that a database has, and how many tables. */
async function stateOf(url: string): Promise<unknown> {
  const sql = connectTo(url);
  try {
    return await sql`SELECT (SELECT count(*) FROM schema_migrations) AS migrations,
      (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') AS tables`;
  } finally {
    await sql.end();
  }
}

it('migrating a second time changes nothing', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const before = await stateOf(url);
  await migrate(url);
  expect(await stateOf(url)).toEqual(before);
});

it('several may migrate one database at once', async () => {
  const url = await emptyDatabase();
  await Promise.all([migrate(url), migrate(url), migrate(url)]);
  expect(await stateOf(url)).toMatchObject([{ migrations: expect.stringMatching(/^[1-9]/) }]);
});

it('databases of one server, which share the roles, may be migrated at once', async () => {
  const urls = await Promise.all([emptyDatabase(), emptyDatabase(), emptyDatabase(), emptyDatabase()]);
  await Promise.all(urls.map((url) => migrate(url)));
  const states = await Promise.all(urls.map(stateOf));
  expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
});

it("a failure carries the server's or dbmate's words and no password", async () => {
  const url = new URL(await emptyDatabase());
  url.password = 'a%40secret';
  url.username = 'nobody';
  const failure = await migrate(url.href).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(String(failure)).toContain('nobody');
  expect(String(failure)).not.toMatch(/a@secret|a%40secret/);
});

it("a migration that can't be applied says so in dbmate's words, without the password, and can be tried again", async () => {
  const url = await emptyDatabase();
  const sql = connectTo(url);
  await sql`CREATE TABLE events ()`;
  const failure = String(await migrate(url).catch((error: unknown) => error));
  expect(failure).toMatch(/migration failed: .*relation "events" already exists/s);
  expect(failure).not.toContain(new URL(url).password);
  await sql`DROP TABLE events`;
  await sql.end();
  await migrate(url);
  expect(await stateOf(url)).toMatchObject([{ migrations: expect.stringMatching(/^[1-9]/) }]);
});
