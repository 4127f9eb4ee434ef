import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Looks again and again until `look` answers true.
 *
 * @throws once `withinMs` have passed.
 */
export async function until(
  what: string,
  withinMs: number,
  everyMs: number,
  look: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`not ${what} within ${withinMs} ms`);
    await sleep(everyMs);
  }
}
