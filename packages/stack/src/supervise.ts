/**
 * Keeps one child running.
 *
 * starting → up: it was spawned, and its readiness is awaited; being ready the first time again after a death is
 *   said. up → waiting: it ended by itself, which is said; the delay grows with each death that follows soon.
 * waiting → starting: the delay is over. A start that fails counts as a death.
 * any → stopped: `stop` was called; a child that is there, or comes up just then, is ended and nothing starts again.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from './backoff.ts';
import { describeExit, type Running } from './launch.ts';
import { seconds } from './terminal.ts';

/** Having run this long, a child's earlier deaths say nothing about its next. */
const STEADY_MS = 30_000;

export interface SuperviseOptions {
  name: string;
  start: () => Promise<Running>;
  /** Settles when it does its work; must reject or settle when the child ends. Absent: as soon as it is started. */
  ready?: (running: Running) => Promise<void>;
  say: (line: string) => void;
}

export interface Supervised {
  readonly name: string;
  /** The process that runs now; undefined while it is down. */
  current(): Running | undefined;
  stop(): Promise<void>;
}

/** Starts a child for the first time, rejecting when that fails, and from then on keeps it up. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { name, start, ready = async () => {}, say } = options;
  const stopping = new AbortController();
  let current: Running | undefined = await start();
  let failures = 0;

  const startAgain = async (reason: string): Promise<void> => {
    failures += 1;
    const delayMs = backoffMs(failures);
    say(`${name} died (${reason}), starting it again in ${seconds(delayMs)}`);
    const diedAt = performance.now();
    await sleep(delayMs, undefined, { signal: stopping.signal });
    const running = await start();
    current = running;
    if (stopping.signal.aborted) return running.stop();
    let ended = false;
    void running.exited.then(() => {
      ended = true;
    });
    const sayBack = () => {
      if (!ended && !stopping.signal.aborted)
        say(`${name} is back after ${seconds(performance.now() - diedAt)}`);
    };
    ready(running).then(sayBack, () => {});
  };

  const keepUp = async () => {
    let reason = '';
    while (!stopping.signal.aborted) {
      if (current) {
        const startedAt = performance.now();
        reason = describeExit(await current.exited);
        current = undefined;
        if (performance.now() - startedAt > STEADY_MS) failures = 0;
      }
      if (stopping.signal.aborted) return;
      try {
        await startAgain(reason);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
  };
  const kept = keepUp();

  return {
    name,
    current: () => current,
    async stop() {
      stopping.abort();
      await current?.stop();
      await kept;
    },
  };
}
