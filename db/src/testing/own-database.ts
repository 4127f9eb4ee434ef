/** A migrated database for one test, and connections to it as each role. */
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject, onTestFinished } from 'vitest';

// The stack package provides these; it depends on this one, so they are declared again here.
declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    template: string;
  }
}

export interface OwnDatabase {
  readonly url: string;
  /** As the tables' owner. */
  readonly owner: postgres.Sql;
  readonly worker: postgres.Sql;
  readonly stats: postgres.Sql;
  /** One connection of its own, as a worker has; its backend has its own pid and so its own stripe. */
  readonly newWorker: () => postgres.Sql;
}

/** A database without anything in it. It is gone, with every connection to it, when the test is. */
export async function emptyDatabase(template?: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const server = connectTo(inject('postgresUrl'));
  await server.unsafe(`CREATE DATABASE ${name} ${template === undefined ? '' : `TEMPLATE ${template}`}`);
  onTestFinished(async () => {
    await server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
    await server.end();
  });
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

/** As emptyDatabase, with every migration. */
export async function ownDatabase(): Promise<OwnDatabase> {
  const url = await emptyDatabase(inject('template'));
  const connectAs = (role?: string) => {
    const sql = connectTo(url, role);
    onTestFinished(() => sql.end({ timeout: 1 }));
    return sql;
  };
  return {
    url,
    owner: connectAs(),
    worker: connectAs('sluice_worker'),
    stats: connectAs('sluice_stats'),
    newWorker: () => connectAs('sluice_worker'),
  };
}

/** One connection; with `role`, it may do what that role may, but has none of the role's settings. */
export function connectTo(url: string, role?: string): postgres.Sql {
  return postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
    connection: role === undefined ? {} : { role },
  });
}
