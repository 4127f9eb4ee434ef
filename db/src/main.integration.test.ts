import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { connectTo, emptyDatabase } from './testing/own-database.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Runs it with nothing in its environment but `env`. */
function main(env: Record<string, string>): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN], { env }, (_, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

it('migrates the database that it is given, says so and exits with 0', async () => {
  const url = await emptyDatabase();
  expect(await main({ DATABASE_URL: url })).toEqual({ code: 0, out: 'migrated\n', err: '' });
  const sql = connectTo(url);
  expect(await sql`SELECT count(*)::int AS n FROM events`).toMatchObject([{ n: 0 }]);
  await sql.end();
});

it('says in one line what is wrong, and exits with 1', async () => {
  expect(await main({})).toEqual({ code: 1, out: '', err: 'DATABASE_URL is required\n' });
  const url = new URL(await emptyDatabase());
  url.pathname = '/nowhere';
  const { code, err } = await main({ DATABASE_URL: url.href });
  expect([code, err]).toEqual([1, 'database "nowhere" does not exist\n']);
});
