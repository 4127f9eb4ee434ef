/**
 * One child process, from its start to its end.
 *
 * Each child leads a process group of its own, so that Ctrl-C in a terminal reaches only the one who started it,
 * and the order of stopping is ours. On Linux the kernel sends a child its stop signal when we die without a
 * word (kill -9); elsewhere the next start finds it by the record of children.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, runAs } from './privileges.ts';

/** Enough of the last words to see why a child ended. */
const TAIL_LINES = 20;
/** A pipe that is already full is read in far less. */
const LAST_WORDS_MS = 500;
/** After SIGKILL only a process stuck in the kernel is still there; nobody waits for it for ever. */
const KILLED_WITHIN_MS = 5_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Sends a signal to the process itself; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, and kills it when its grace is over. Settles once it is gone. */
  stop(): Promise<void>;
  /** Its last lines of output, oldest first. */
  tail(): string[];
}

/** A real Redis or Postgres on this machine. Starting another one on the same `dir` goes on with its data. */
export interface Server extends Running {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
}

export interface LaunchOptions {
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** The user to run as, and the paths that user must get to. Only root can ask for another user. */
  as?: { account: Account; reach: readonly string[] } | undefined;
  stopSignal: NodeJS.Signals;
  graceMs: number;
  onLine?: ((line: string) => void) | undefined;
  onSpawn?: ((pid: number) => void) | undefined;
}

/** Starts the child. Rejects when it can't be; a program that isn't there may also be an end with code 127. */
export async function launch(options: LaunchOptions): Promise<Running> {
  const wrapped = runAs(options.command, options.args, options.stopSignal, options.as);
  const child = spawn(wrapped.command, wrapped.args, {
    ...wrapped.ids,
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      // Its last words may still be on their way; a grandchild that holds the pipe open must not keep us.
      const settle = () => resolve({ code, signal });
      child.once('close', settle);
      setTimeout(settle, LAST_WORDS_MS).unref();
    });
  });
  const tail = collectLines(child, options.onLine);
  await once(child, 'spawn').catch((error: unknown) => {
    throw new Error(`${options.command} doesn't run: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  });
  const pid = child.pid ?? 0;
  options.onSpawn?.(pid);

  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  const stop = async () => {
    kill(options.stopSignal);
    if (await endsWithin(exited, options.graceMs)) return;
    kill('SIGKILL');
    await endsWithin(exited, KILLED_WITHIN_MS);
  };
  return { pid, exited, kill, stop, tail: () => [...tail] };
}

/** Says how a process ended, for a person. */
export function describeExit({ code, signal }: Exit): string {
  return signal ? `ended by ${signal}` : `exit code ${code}`;
}

/** Whether the promise settles in time. */
export async function endsWithin(ending: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(limitMs, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([ending.then(() => true), late]);
  timer.abort();
  return ended;
}

function collectLines(child: ChildProcess, onLine: ((line: string) => void) | undefined): string[] {
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      onLine?.(line);
    });
  }
  return tail;
}
