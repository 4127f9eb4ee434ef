/**
 * The servers that all integration tests share: one Redis and one Postgres for a run, in a folder of their own. Tests
 * keep apart by a cloned database and a random stream name; who breaks a server starts one for itself. A server that
 * doesn't start fails the run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Server } from './launch.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import { createTemplate } from './template.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
    /** The owner's, of a database without tables: clone the template. */
    postgresUrl: string;
    template: string;
  }
}

let stop: () => Promise<void> = async () => {};

/** Vitest calls it once, before the first integration test. */
export async function setup(project: TestProject): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  const servers: Server[] = [];
  stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const redis = await startRedis({ dir: join(dir, 'redis') });
    servers.push(redis);
    const postgres = await startPostgres({ dir: join(dir, 'postgres'), durable: false });
    servers.push(postgres);
    project.provide('redisUrl', redis.url);
    project.provide('postgresUrl', postgres.url);
    project.provide('template', await createTemplate(postgres.url));
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Vitest calls it once, after the last. */
export async function teardown(): Promise<void> {
  await stop();
}
