/** What migrating takes from its environment. `NAME_FILE` names a file that holds the value of `NAME`. */
import { readFileSync } from 'node:fs';
import type { Role } from './roles.ts';

export interface Config {
  /** Of the role that owns the tables. */
  readonly databaseUrl: string;
  /** The passwords that the services' roles get, when there are any. */
  readonly passwords: Readonly<Record<Role, string>> | undefined;
}

/** @throws with a sentence that names the variable which is missing or can't be read. */
export function databaseConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const databaseUrl = settingOf('DATABASE_URL', env);
  if (!databaseUrl) throw new Error('DATABASE_URL is required');
  const worker = settingOf('WORKER_PASSWORD', env);
  const stats = settingOf('STATS_PASSWORD', env);
  if (!worker !== !stats) {
    throw new Error(
      `${worker ? 'STATS_PASSWORD' : 'WORKER_PASSWORD'} is required where the other one is given`,
    );
  }
  return {
    databaseUrl,
    passwords: worker && stats ? { sluice_worker: worker, sluice_stats: stats } : undefined,
  };
}

function settingOf(name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`${name}_FILE can't be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}
