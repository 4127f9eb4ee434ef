/** The real stats service as a process of its own, and a migrated database for it. */
import { fileURLToPath } from 'node:url';
import { type NodeProcess, startNode } from '@sluice/service/testing/node-process';
import { type ClonedDatabase, cloneDatabase } from '@sluice/stack/template';
import type {} from '@sluice/stack/test-servers';
import postgres from 'postgres';
import { inject, onTestFinished, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** How long a heal may take on a busy machine; it takes about a second, a silence five. */
const HEALED = { timeout: 30_000, interval: 50 };

/** An answer, read to its end. */
interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Stats extends NodeProcess {
  readonly get: (path: string) => Promise<Reply>;
  /** Waits until `path` is answered with this status. */
  readonly answers: (path: string, status: number) => Promise<void>;
}

export interface OwnDatabase extends ClonedDatabase {
  /** As the owner of the tables. */
  readonly owner: postgres.Sql;
}

/** Starts it with these settings, whether they are any good or not; it is gone when the test is. */
export async function startMain(settings: Record<string, string>): Promise<NodeProcess> {
  const running = await startNode([MAIN], { HOST: '127.0.0.1', PORT: '0', ...settings });
  onTestFinished(() => running.stop());
  return running;
}

/** Starts it on a free port. */
export async function ownStats(databaseUrl: string, settings: Record<string, string> = {}): Promise<Stats> {
  const running = await startMain({ DATABASE_URL: databaseUrl, ...settings });
  const { port } = await running.logged('listening');
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, headers: response.headers, body: read(await response.text()) };
  };
  const answers = async (path: string, status: number) => {
    await vi.waitUntil(async () => (await get(path)).status === status, HEALED);
  };
  return { ...running, get, answers };
}

/** A database with every migration, gone when the test is. */
export async function ownDatabase(): Promise<OwnDatabase> {
  const clone = await cloneDatabase(inject('postgresUrl'), inject('template'));
  const owner = postgres(clone.url, { max: 2, fetch_types: false, onnotice: () => undefined });
  onTestFinished(async () => {
    await owner.end({ timeout: 1 });
    await clone.drop();
  });
  return { ...clone, owner };
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Keeps reports of `owner`'s database waiting. @returns what lets them go, which the end of the test does anyway. */
export async function holdReports(owner: postgres.Sql): Promise<() => Promise<void>> {
  const { promise: toLetGo, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: locked, resolve: taken } = Promise.withResolvers<void>();
  const holding = owner.begin(async (transaction) => {
    await transaction`LOCK TABLE daily_paths IN ACCESS EXCLUSIVE MODE`;
    taken();
    await toLetGo;
  });
  const release = async () => {
    letGo();
    await holding;
  };
  onTestFinished(async () => {
    await release();
  });
  await locked;
  return release;
}
