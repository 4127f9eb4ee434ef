import { randomBytes } from 'node:crypto';
import { migrate } from '@sluice/db/migrate';
import { allowLogin } from '@sluice/db/roles';
import postgres from 'postgres';
import { rolePasswords, roleUrl } from './role-urls.ts';

export interface ClonedDatabase {
  /** As the tables' owner. */
  url: string;
  workerUrl: string;
  statsUrl: string;
  /** Ends every connection to it and removes it. */
  drop(): Promise<void>;
}

/**
 * Makes one database with every migration, for `cloneDatabase`, and lets the services' roles log in. Returns its
 * name. Once for a server: the roles belong to all its databases.
 */
export async function createTemplate(ownerUrl: string): Promise<string> {
  const template = `template_${randomBytes(6).toString('hex')}`;
  await withOwner(ownerUrl, (sql) => sql`CREATE DATABASE ${sql(template)}`);
  await migrate(inDatabase(ownerUrl, template));
  await allowLogin(ownerUrl, rolePasswords(ownerUrl));
  // Nobody may connect any more: a template that is in use can't be cloned.
  await withOwner(
    ownerUrl,
    (sql) => sql`ALTER DATABASE ${sql(template)} IS_TEMPLATE true ALLOW_CONNECTIONS false`,
  );
  return template;
}

/** A database of one's own, empty and migrated, in the time of a copy of a few megabytes. */
export async function cloneDatabase(ownerUrl: string, template: string): Promise<ClonedDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withOwner(ownerUrl, (sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(template)}`);
  const url = inDatabase(ownerUrl, name);
  return {
    url,
    workerUrl: inDatabase(roleUrl(ownerUrl, 'sluice_worker'), name),
    statsUrl: inDatabase(roleUrl(ownerUrl, 'sluice_stats'), name),
    drop: () => withOwner(ownerUrl, (sql) => sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`),
  };
}

async function withOwner(ownerUrl: string, work: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(ownerUrl, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function inDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
