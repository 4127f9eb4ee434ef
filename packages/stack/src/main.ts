/**
 * `pnpm start`: everything on this machine, from nothing.
 *
 * The first SIGINT, SIGTERM or SIGHUP, or the end of the package manager that started us, takes everything down in
 * order and ends with 0; a second one kills. A terminal and pnpm may both deliver the same Ctrl-C, so two signals
 * close together are one.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepare } from './bring-up.ts';
import { type Claim, claimDataDir } from './claim.ts';
import { readArguments, type StartConfig } from './config.ts';
import { whyTaken } from './free-port.ts';
import { watchLaunchers } from './launchers.ts';
import { endOrphans, findOrphans } from './orphans.ts';
import { describePlaces } from './places.ts';
import { requireRedis } from './require-redis.ts';
import { PUBLIC_HOST } from './services.ts';
import { createTerminal, seconds } from './terminal.ts';

/** Above what one key press delivers, below what a second one takes. */
const SAME_SIGNAL_MS = 700;
/** A start whose launcher was killed notices within a second and says so in its claim. */
const OTHER_NOTICES_WITHIN_MS = 2_500;
/** The graces of all layers of the other one together. */
const OTHER_STOPS_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 100;

const terminal = createTerminal((text) => process.stdout.write(text));
// A terminal that was closed must not keep us from stopping in order.
process.stdout.on('error', () => {});

const parsed = readArguments(process.argv.slice(2));
if (parsed.kind === 'help') {
  process.stdout.write(parsed.text);
} else if (parsed.kind === 'wrong') {
  process.stderr.write(`${parsed.problems.join('\n')}\nSee: npx -y pnpm@12 start --help\n`);
  process.exitCode = 1;
} else {
  process.exit(await start(parsed.config));
}

/** Runs until it is told to stop. Returns the exit code. */
async function start(config: StartConfig): Promise<number> {
  const stopping = stopSignal(config);
  mkdirSync(config.dataDir, { recursive: true });
  const claim = await takeDataDir(config, stopping);
  if (typeof claim === 'string') return fail(claim);
  stopping.addEventListener('abort', claim.markStopping);

  const stack = prepare(config, terminal, stopping);
  let code = 0;
  try {
    const began = performance.now();
    await clearTheWay(config);
    const running = await stack.up();
    terminal.line(describePlaces(config, running));
    terminal.line(`  up in ${seconds(performance.now() - began)}; Ctrl-C stops everything`);
    terminal.line('sluice ready');
    await aborted(stopping);
  } catch (error) {
    if (!stopping.aborted) code = fail(error instanceof Error ? error.message : String(error));
  }
  claim.markStopping();
  await stack.down();
  claim.release();
  return code;
}

/** Takes the data folder, waiting for another start that is about to leave it; else says what is in the way. */
async function takeDataDir(config: StartConfig, stopping: AbortSignal): Promise<Claim | string> {
  const began = performance.now();
  for (let said = false; ; ) {
    const result = claimDataDir(config.dataDir);
    if (result.ok) return result.claim;
    const waited = performance.now() - began;
    if (waited > (result.stopping ? OTHER_STOPS_WITHIN_MS : OTHER_NOTICES_WITHIN_MS) || stopping.aborted) {
      return `another start (pid ${result.pid}) runs on ${config.dataDir}: stop it, or set DATA_DIR (--data-dir)`;
    }
    if (result.stopping && !said)
      terminal.line(`  waiting for another start (pid ${result.pid}), which is stopping`);
    said ||= result.stopping;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** What must be settled before anything is started. Throws what to tell a person. */
async function clearTheWay(config: StartConfig): Promise<void> {
  const orphans = findOrphans(config.dataDir);
  if (orphans.length > 0) {
    const names = orphans.map(({ name }) => name).join(', ');
    await terminal.step(`ending what an earlier start left behind: ${names}`, () => endOrphans(orphans));
  }
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
  if (taken.length > 0) throw new Error(taken.join('\n'));
  const logDir = join(config.dataDir, 'logs');
  mkdirSync(logDir, { recursive: true, mode: 0o700 });
  const missing = config.redisUrl === undefined ? await requireRedis(terminal, logDir) : undefined;
  if (missing) throw new Error(missing);
}

function stopSignal(config: StartConfig): AbortSignal {
  const stopping = new AbortController();
  let firstAt = 0;
  const onSignal = () => {
    if (!stopping.signal.aborted) {
      firstAt = performance.now();
      stopping.abort();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
      for (const child of findOrphans(config.dataDir)) process.kill(child.pid, 'SIGKILL');
      process.exit(130);
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  watchLaunchers(() => stopping.abort());
  return stopping.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function fail(reason: string): 1 {
  process.stderr.write(`${reason}\n`);
  return 1;
}
