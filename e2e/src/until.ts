import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;

/** Says why something isn't so yet, or `undefined` when it is. A throw counts as a reason. */
export type Look = () => string | undefined | Promise<string | undefined>;

/** Thrown by a `look` that will never be content: the wait ends at once. */
export class Hopeless extends Error {}

/**
 * Looks again and again until `look` has nothing to object.
 *
 * @throws with the last reason, once `withinMs` have passed.
 */
export async function until(what: string, withinMs: number, look: Look): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const reason = await reasonOf(look);
    if (reason === undefined) return;
    if (performance.now() > deadline) throw new Error(`not ${what} within ${withinMs} ms: ${reason}`);
    await sleep(LOOK_AGAIN_MS);
  }
}

async function reasonOf(look: Look): Promise<string | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Hopeless) throw error;
    return error instanceof Error ? error.message || error.name : String(error);
  }
}
