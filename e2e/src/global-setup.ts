/** Once for a run of the suite: the data folder that every private Postgres is a copy of. */
import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import { makePristinePostgres } from './pristine-postgres.ts';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await makePristinePostgres();
  project.provide('pristinePostgres', dir);
  return () => rm(dir, { recursive: true, force: true });
}
