/** Brings a database's schema up to date, with dbmate and the SQL files in `migrations/`. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { resolveBinary } from 'dbmate';
import postgres from 'postgres';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
/** Any number, the same for all who migrate: only one does at a time. */
const LOCK = 7_520_441;
/** The roles belong to all databases of a server, and migrations of two may alter one at the same moment. */
const ALTERED_AT_ONCE = 'tuple concurrently updated';
/** Each attempt loses against one other database at most. */
const ATTEMPTS = 10;

/**
 * Applies the migrations that are missing. Safe to run twice, and by several at once: they wait for
 * each other.
 *
 * @param ownerUrl of the database, as the role that owns its tables and may create roles.
 * @throws with dbmate's words, without the password.
 */
export async function migrate(ownerUrl: string): Promise<void> {
  const sql = postgres(ownerUrl, { max: 1, fetch_types: false, onnotice: () => undefined });
  try {
    await sql`SELECT pg_advisory_lock(${LOCK})`;
    await untilAlone(() => runDbmate(ownerUrl));
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** A migration is one transaction, so one that failed has left nothing behind. */
async function untilAlone(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes(ALTERED_AT_ONCE)) throw error;
    }
  }
}

async function runDbmate(ownerUrl: string): Promise<void> {
  const url = new URL(ownerUrl);
  // dbmate's driver insists on TLS where nothing is said.
  if (!url.searchParams.has('sslmode')) url.searchParams.set('sslmode', 'disable');
  const args = ['--migrations-dir', MIGRATIONS, '--no-dump-schema', 'migrate'];
  try {
    // In a folder without an .env of somebody's, which dbmate would read.
    await promisify(execFile)(resolveBinary(), args, { cwd: MIGRATIONS, env: { DATABASE_URL: url.href } });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const words = (stderr || (error as Error).message).trim();
    throw new Error(`migration failed: ${withoutPassword(words, url)}`);
  }
}

function withoutPassword(words: string, { password }: URL): string {
  if (password === '') return words;
  return words.replaceAll(password, '…').replaceAll(decodeURIComponent(password), '…');
}
