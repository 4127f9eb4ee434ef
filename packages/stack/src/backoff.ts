/** Fast enough that a single crash is hardly noticed. */
const FIRST_DELAY_MS = 250;
/** Slow enough that a child that can't start costs nothing, short enough to heal soon after its cause is gone. */
const LONGEST_DELAY_MS = 15_000;

/**
 * How long to wait before starting a child again, in milliseconds.
 *
 * @param failures deaths in a row without a steady run in between, from 1
 */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 16));
}
