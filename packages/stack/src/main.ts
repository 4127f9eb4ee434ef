/**
 * `pnpm start`: everything on this machine, from nothing.
 *
 * The first request to stop takes everything down in order and ends with 0, a second one kills and ends with 130.
 */
import { performance } from 'node:perf_hooks';
import { prepare } from './bring-up.ts';
import type { Claim } from './claim.ts';
import { readArguments, type StartConfig } from './config.ts';
import { killOrphans } from './orphans.ts';
import { describePlaces } from './places.ts';
import { clearTheWay, takeDataDir } from './preflight.ts';
import { stopRequest } from './stop-request.ts';
import { createTerminal, seconds, type Terminal } from './terminal.ts';

const parsed = readArguments(process.argv.slice(2));
switch (parsed.kind) {
  case 'help':
    process.stdout.write(parsed.text);
    break;
  case 'wrong':
    process.stderr.write(`${parsed.problems.join('\n')}\nSee: npx -y pnpm@12 start --help\n`);
    process.exitCode = 1;
    break;
  case 'start':
    // A terminal that was closed must not keep us from stopping in order.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    process.exit(
      await start(
        parsed.config,
        createTerminal((text) => process.stdout.write(text)),
      ),
    );
}

/** Runs until it is told to stop. Returns the exit code. */
async function start(config: StartConfig, terminal: Terminal): Promise<number> {
  const began = performance.now();
  let claim: Claim | undefined;
  const stopping = stopRequest(() => {
    // Before the folder is ours, its children are another start's.
    if (claim) killOrphans(config.dataDir);
    process.exit(130);
  });
  claim = await takeDataDir(config, terminal, stopping).catch(fail);
  if (claim === undefined) return 1;
  stopping.addEventListener('abort', claim.markStopping);

  const stack = prepare(config, terminal, stopping);
  let code = 0;
  try {
    await clearTheWay(config, terminal);
    const running = await stack.up();
    stopping.throwIfAborted();
    terminal.line(describePlaces(config, running));
    terminal.line(`  up in ${seconds(performance.now() - began)}; Ctrl-C stops everything`);
    terminal.line('sluice ready');
    await aborted(stopping);
  } catch (error) {
    if (!stopping.aborted) {
      code = 1;
      fail(error);
    }
  }
  claim.markStopping();
  await stack.down();
  claim.release();
  return code;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function fail(error: unknown): undefined {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
