import { setTimeout as sleep } from 'node:timers/promises';
import { describeExit, type Running } from './launch.ts';

const ASK_AGAIN_MS = 100;
const ANSWER_WITHIN_MS = 1_000;
/** How much of an answer a person wants to see. */
const REASON_CHARACTERS = 600;

/**
 * Settles when `/readyz` on this port of the loopback answers 200. Rejects with the reason when the process ends
 * first, or when `withinMs` is over.
 */
export async function untilReady(
  name: string,
  running: Running,
  port: number,
  withinMs: number,
): Promise<void> {
  let ended: string | undefined;
  void running.exited.then((exit) => {
    ended = describeExit(exit);
  });
  const deadline = Date.now() + withinMs;
  let reason = 'it never answered';
  while (ended === undefined && Date.now() < deadline) {
    const answer = await askReadiness(port);
    if (ended === undefined && answer === undefined) return;
    reason = answer ?? reason;
    await sleep(ASK_AGAIN_MS);
  }
  throw new Error(`${name} ${ended === undefined ? `isn't ready: ${reason}` : `ended (${ended})`}`);
}

/** Undefined when it is ready, else why not. */
async function askReadiness(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const body = await response.text();
    return response.ok ? undefined : `${response.status} ${body.slice(0, REASON_CHARACTERS)}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
