/**
 * Several processes of one service behind one port: a primary that starts them, hands them connections in
 * turn, and starts another for each that dies. It does nothing else, so that it has no reason to die itself.
 *
 * first: one child runs alone. What is wrong with the settings or the port it finds and says, once, and its end
 *   before it listens is the end of all.
 * all: the first listens and has settled, the others are started. A child that dies is replaced after a delay that grows
 *   with each death that follows soon; a child that says that it fails for good ends all of them.
 * stopping: the port is closed, then each child stops as a service does; the primary exits after the last.
 *   Whatever ends the primary, none of them outlives it: they stop when their channel to it closes.
 *
 * Connections are dealt by the primary (node:cluster's round robin), not by the kernel to sockets of each child
 * (SO_REUSEPORT), because then a child's death resets those that wait for it, a hung child gets its share
 * all the same, and a second service on the same port would start as if it were free.
 */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from './backoff.ts';
import { FAILED_FOR_GOOD, type Service } from './lifecycle.ts';
import type { Log } from './log.ts';
import { type ToPrimary, tell } from './process-messages.ts';
import { ProcessMetrics } from './process-metrics.ts';

/** A single death is made good at once, in effect. */
const FIRST_RESTART_MS = 100;
/** What fails for minutes is tried often enough that nobody has to wait for it once it is mended. */
const MAX_RESTART_MS = 5_000;
/** Having run this long, a child's earlier deaths say nothing about its next. */
const STEADY_MS = 30_000;

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * Starts `count` children, which run the same program, until the service is told to stop. To be called in the
 * primary alone, as the last thing that it does.
 *
 * @param name the service's, for its metrics.
 */
export function startProcesses(service: Service, name: string, count: number): void {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  // JSON has no NaN, which some metrics are until they have been observed.
  cluster.setupPrimary({ serialization: 'advanced' });
  const processes = new Processes(service, new ProcessMetrics(name), count);
  service.onStop('processes', () => processes.stop());
  process.on('exit', () => processes.kill());
  service.log.info({ processes: count }, 'running as several processes');
  processes.start();
}

class Processes {
  readonly #service: Service;
  readonly #log: Log;
  readonly #metrics: ProcessMetrics;
  readonly #count: number;
  readonly #running = new Map<Worker, Promise<Exit>>();
  readonly #stopping = new AbortController();
  #hasListened = false;
  #hasSettled = false;
  #all = false;

  constructor(service: Service, metrics: ProcessMetrics, count: number) {
    this.#service = service;
    this.#log = service.log;
    this.#metrics = metrics;
    this.#count = count;
  }

  start(): void {
    void this.#keepUp();
  }

  /** Resolves when all have stopped. @throws when one of them didn't stop cleanly. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const exits = [...this.#running.values()];
    for (const worker of this.#running.keys()) {
      if (!worker.isConnected()) continue;
      tell(worker, { kind: 'close' });
      // Takes the port from it, here and now; the port is closed with the last.
      worker.disconnect();
    }
    const unclean = (await Promise.all(exits)).filter((exit) => !isClean(exit));
    if (unclean.length > 0) throw new Error(`${unclean.length} of ${exits.length} processes failed to stop`);
  }

  kill(): void {
    for (const worker of this.#running.keys()) worker.process.kill('SIGKILL');
  }

  /** Keeps one child running until all are told to stop. */
  async #keepUp(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      const worker = this.#fork();
      const pid = worker.process.pid;
      const exit = await (this.#running.get(worker) as Promise<Exit>);
      this.#running.delete(worker);
      this.#metrics.remove(worker);
      if (this.#stopping.signal.aborted) return;
      if (!this.#hasListened || exit.code === FAILED_FOR_GOOD) {
        this.#giveUp(exit);
        return;
      }
      failures = performance.now() - startedAt > STEADY_MS ? 1 : failures + 1;
      const delayMs = backoffMs(failures, FIRST_RESTART_MS, MAX_RESTART_MS);
      this.#log.error({ child: pid, ...exit, delayMs }, 'a process died, starting another');
      this.#metrics.restarted();
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  #fork(): Worker {
    const worker = cluster.fork();
    this.#running.set(worker, exitOf(worker));
    this.#metrics.add(worker);
    worker.once('listening', () => {
      this.#hasListened = true;
      this.#startAll();
    });
    worker.on('message', ({ kind }: ToPrimary) => {
      if (kind !== 'settled') return;
      this.#hasSettled = true;
      this.#startAll();
    });
    return worker;
  }

  #startAll(): void {
    if (!(this.#hasListened && this.#hasSettled) || this.#all || this.#stopping.signal.aborted) return;
    this.#all = true;
    for (let started = 1; started < this.#count; started += 1) void this.#keepUp();
  }

  /** The child has said why, unless it had no chance to. */
  #giveUp(exit: Exit): void {
    if (exit.code !== FAILED_FOR_GOOD) this.#log.fatal(exit, 'the first process ended before it listened');
    this.#service.stop('a process failed for good', 1);
  }
}

/** A child that is only starting ends by the signal itself, where a terminal sends it to all. */
function isClean({ code, signal }: Exit): boolean {
  return code === 0 || signal === 'SIGTERM' || signal === 'SIGINT';
}

function exitOf(worker: Worker): Promise<Exit> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    worker.on('error', () => {
      // Errors of one that runs are those of sending to it; its exit is still to come.
      if (worker.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}
