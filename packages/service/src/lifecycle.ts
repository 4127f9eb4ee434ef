/**
 * A process from its first line to its exit code.
 *
 * `runService` starts it; SIGTERM or SIGINT stop it in the reverse order of the `onStop` calls, each
 * step within the one deadline, going on past a step that fails. It exits with 0 after a clean stop,
 * 1 when a step failed or the deadline passed or something was thrown that nobody caught. A second
 * signal changes nothing: a stop under way is already as fast as it can safely be.
 *
 * One of several processes (processes.ts) exits with a code of its own when it can't do its work, so that
 * no other is started in vain; and it stops a little sooner than the one that waits for it.
 */
import cluster from 'node:cluster';
import { ConfigError } from './config.ts';
import { createLog, type Log } from './log.ts';

/** How long a stop may take: under the 10 s after which container engines kill. */
const STOP_DEADLINE_MS = 9_000;
/** As much less for one of several, so that its own words about a stop that took too long are heard. */
const CHILD_STOP_DEADLINE_MS = STOP_DEADLINE_MS - 500;
/** How one of several processes says that another in its place would fail as well; sysexits.h has it for settings. */
export const FAILED_FOR_GOOD = 78;

export interface Service {
  readonly log: Log;
  /** Adds a step of the stop; the last added runs first. Whatever starts after a signal is stopped at once. */
  onStop(name: string, step: () => Promise<void> | void): void;
  /** Stops as a signal would, and exits with `exitCode` when that went well. Nothing happens in a stop under way. */
  stop(reason: string, exitCode?: number): void;
  /** Says why and exits with 1, without the steps of a stop: for states that nothing can be saved from. */
  fail(reason: string, error?: unknown): never;
}

interface Step {
  readonly name: string;
  readonly run: () => Promise<void> | void;
}

/**
 * Runs `start` as the process's whole life. A ConfigError is printed as its plain sentences.
 *
 * @param name the service's name, on every line of the log.
 */
export async function runService(name: string, start: (service: Service) => Promise<void>): Promise<void> {
  const log = createLog(name);
  const steps: Step[] = [];
  const exitSaying = (reason: string, error: unknown, exitCode: number): never => {
    log.fatal(error === undefined ? {} : { err: error }, reason);
    process.exit(exitCode);
  };
  const fail = (reason: string, error?: unknown) =>
    exitSaying(reason, error, cluster.isWorker ? FAILED_FOR_GOOD : 1);
  let stopping = false;
  const stop = (why: object, exitCode: number) => {
    if (stopping) return;
    stopping = true;
    log.info(why, 'stopping');
    void stopInOrder(steps, log).then((clean) => process.exit(clean ? exitCode : 1));
  };
  process.on('SIGTERM', (signal) => stop({ signal }, 0));
  process.on('SIGINT', (signal) => stop({ signal }, 0));
  process.on('uncaughtException', (error) => exitSaying('uncaught error', error, 1));
  process.on('unhandledRejection', (error) => exitSaying('unhandled rejection', error, 1));
  try {
    await start({
      log,
      fail,
      stop: (reason, exitCode = 0) => stop({ reason }, exitCode),
      onStop: (stepName, run) => {
        steps.push({ name: stepName, run });
      },
    });
    if (!stopping) log.info('started');
  } catch (error) {
    if (stopping) return;
    if (error instanceof ConfigError) fail(error.message);
    fail('could not start', error);
  }
}

/** Runs the steps, last first, and tells whether all of them succeeded in time. */
async function stopInOrder(steps: Step[], log: Log): Promise<boolean> {
  let clean = true;
  const inTime = deadline(cluster.isWorker ? CHILD_STOP_DEADLINE_MS : STOP_DEADLINE_MS);
  // Popped, so that what a start still under way adds is stopped as well.
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    try {
      await Promise.race([step.run(), inTime]);
    } catch (error) {
      clean = false;
      log.error({ err: error, step: step.name }, 'a step of the stop failed');
    }
  }
  log.info({ clean }, 'stopped');
  return clean;
}

function deadline(ms: number): Promise<never> {
  const late = new Promise<never>((_, reject) => {
    // Not unref'd: a step that waits for nothing that holds the process would end it as if all were well.
    setTimeout(() => reject(new Error(`not stopped within ${ms} ms`)), ms);
  });
  late.catch(() => undefined);
  return late;
}
