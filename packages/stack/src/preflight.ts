/** What is settled before anything is started: whose the data folder is, what is in the way, what is missing. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, claimDataDir } from './claim.ts';
import type { StartConfig } from './config.ts';
import { whyTaken } from './free-port.ts';
import { endOrphans, findOrphans } from './orphans.ts';
import { requireRedis } from './require-redis.ts';
import { PUBLIC_HOST } from './services.ts';
import type { Terminal } from './terminal.ts';

/** A start whose launcher was killed notices within a second and says so in its claim. */
const OTHER_NOTICES_WITHIN_MS = 2_500;
/** The graces of all layers of the other one together. */
const OTHER_STOPS_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 100;

/** Takes the data folder, waiting for another start that is about to leave it. Throws what to tell a person. */
export async function takeDataDir(
  { dataDir }: StartConfig,
  terminal: Terminal,
  stopping: AbortSignal,
): Promise<Claim> {
  mkdirSync(dataDir, { recursive: true });
  const began = performance.now();
  for (let said = false; ; ) {
    const result = claimDataDir(dataDir);
    if (result.ok) return result.claim;
    const patienceMs = result.stopping ? OTHER_STOPS_WITHIN_MS : OTHER_NOTICES_WITHIN_MS;
    if (performance.now() - began > patienceMs || stopping.aborted) {
      throw new Error(
        `another start (pid ${result.pid}) runs on ${dataDir}: stop it, or set DATA_DIR (--data-dir)`,
      );
    }
    if (result.stopping && !said) {
      terminal.line(`  waiting for another start (pid ${result.pid}), which is stopping`);
      said = true;
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Ends what an earlier start left, checks ports, and installs Redis if need be. Throws what to tell a person. */
export async function clearTheWay(config: StartConfig, terminal: Terminal): Promise<void> {
  const logDir = join(config.dataDir, 'logs');
  mkdirSync(logDir, { recursive: true, mode: 0o700 });
  const orphans = findOrphans(config.dataDir);
  if (orphans.length > 0) {
    const names = orphans.map(({ name }) => name).join(', ');
    await terminal.step(`ending what an earlier start left behind: ${names}`, () => endOrphans(orphans));
  }
  const taken = await takenPorts(config);
  if (taken.length > 0) throw new Error(taken.join('\n'));
  const missing = config.redisUrl === undefined ? await requireRedis(terminal, logDir) : undefined;
  if (missing) throw new Error(missing);
}

async function takenPorts(config: StartConfig): Promise<string[]> {
  const ports = [
    { port: config.port, name: 'ingest', setting: 'PORT (--port)' },
    { port: config.statsPort, name: 'stats', setting: 'STATS_PORT (--stats-port)' },
  ];
  const taken: string[] = [];
  for (const { port, name, setting } of ports) {
    const why = await whyTaken(port, PUBLIC_HOST);
    if (why)
      taken.push(`port ${port}, where ${name} would listen, is taken (${why}): set ${setting} to a free one`);
  }
  return taken;
}
