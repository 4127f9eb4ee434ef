/** Brings a database's schema up to date, with dbmate and the SQL files in `migrations/`. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { resolveBinary } from 'dbmate';
import postgres from 'postgres';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
/** Any number, the same for all who migrate: only one does at a time. */
const LOCK = 7_520_441;

/**
 * Applies the migrations that are missing. Safe to run twice, and by several at once: they wait for
 * each other.
 *
 * @param ownerUrl of the database, as the role that owns its tables and may create roles.
 * @throws with dbmate's words, without the password.
 */
export async function migrate(ownerUrl: string): Promise<void> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql`SELECT pg_advisory_lock(${LOCK})`;
    await runDbmate(ownerUrl);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function runDbmate(ownerUrl: string): Promise<void> {
  const url = new URL(ownerUrl);
  // dbmate's driver insists on TLS where nothing is said.
  if (!url.searchParams.has('sslmode')) url.searchParams.set('sslmode', 'disable');
  const args = ['--migrations-dir', MIGRATIONS, '--no-dump-schema', 'migrate'];
  try {
    await promisify(execFile)(resolveBinary(), args, { env: { DATABASE_URL: url.href } });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const words = (stderr || (error as Error).message).trim();
    const password = decodeURIComponent(url.password);
    throw new Error(`migration failed: ${password === '' ? words : words.replaceAll(password, '…')}`);
  }
}
