import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StartConfig } from './config.ts';
import { launch } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { isLoud } from './loud-line.ts';
import type { RecordChild } from './orphans.ts';
import { untilReady } from './ready.ts';
import type { ServiceSpec } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';
import type { Terminal } from './terminal.ts';

/** Twice the services' own deadline for a stop, so that theirs is the one that counts. */
const GRACE_MS = 20_000;
/** What a service said before it was started again stays to be read. */
const WATCHING = ['watch', '--clear-screen=false'];
/** Without a bound, in effect: after its death a service may wait for a server that died with it. */
const READY_AGAIN_WITHIN_MS = 24 * 60 * 60 * 1000;

/** Starts a service and keeps it up. All it says goes to its log, warnings to the terminal too. */
export function runService(
  spec: ServiceSpec,
  config: StartConfig,
  record: RecordChild,
  terminal: Terminal,
): Promise<Supervised> {
  const { name, entry, port, env } = spec;
  const log = openLogFile(join(config.dataDir, 'logs', `${name}.log`));
  const onLine = (line: string) => {
    log.write(line);
    if (isLoud(line)) terminal.line(`${name} | ${line}`);
  };
  const start = () =>
    launch({
      command: process.execPath,
      args: config.watch ? [fileURLToPath(import.meta.resolve('tsx/cli')), ...WATCHING, entry] : [entry],
      env,
      cwd: config.projectDir,
      stopSignal: 'SIGTERM',
      graceMs: GRACE_MS,
      onLine,
      onSpawn: (pid) => record(name, pid, 'SIGTERM'),
    });
  return supervise({
    name,
    start,
    ready: (running) => untilReady(name, running, port, READY_AGAIN_WITHIN_MS),
    say: terminal.line,
  });
}
