/** A process under load, Sluice's or a yardstick's: where it listens, and its end. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@sluice/stack/free-port';
import { launch, type Running } from '@sluice/stack/launch';
import { untilReady } from '@sluice/stack/ready';
import { inheritedEnvironment } from './config.ts';
import { projectDir } from './servers.ts';

const BARE_SERVER = fileURLToPath(new URL('../yardsticks/http/main.ts', import.meta.url));
/** Starting takes half a second on an idle core; the rest is for a busy machine. */
const READY_WITHIN_MS = 60_000;
/** A service's own stop ends within 9 s. */
const ENDS_WITHIN_MS = 15_000;

export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly running: Running;
  /** Asks it to end and waits. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Of node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** One of Sluice's services, ready. */
export function startService(service: 'ingest' | 'worker' | 'stats', options: ChildOptions): Promise<Child> {
  return start(service, join(projectDir, 'services', service, 'src', 'main.ts'), options);
}

/** The bare server of the yardsticks, ready. */
export function startBareServer(
  redisUrl: string,
  redisWork: 'none' | 'xadd-each' | 'coalesced',
): Promise<Child> {
  return start('the bare server', BARE_SERVER, { env: { REDIS_URL: redisUrl, REDIS_WORK: redisWork } });
}

const started = new Set<Running>();

/** Ends all that still runs: for a run that is broken off in the middle. */
export async function stopChildren(): Promise<void> {
  await Promise.all([...started].map((running) => running.stop()));
}

async function start(name: string, entry: string, { env, nodeArgs = [] }: ChildOptions): Promise<Child> {
  const port = await freePort();
  const running = await launch({
    command: process.execPath,
    args: [...nodeArgs, entry],
    cwd: projectDir,
    env: { ...inheritedEnvironment(), HOST: '127.0.0.1', LOG_LEVEL: 'warn', ...env, PORT: String(port) },
    stopSignal: 'SIGTERM',
    graceMs: ENDS_WITHIN_MS,
  });
  started.add(running);
  const stop = async () => {
    await running.stop();
    started.delete(running);
  };
  try {
    await untilReady(name, running, port, READY_WITHIN_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: running.pid, url: `http://127.0.0.1:${port}`, running, stop, [Symbol.asyncDispose]: stop };
}
