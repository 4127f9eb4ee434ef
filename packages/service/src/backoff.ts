/**
 * The wait before attempt `attempt` (1 is the first retry): doubling from `firstMs`, at most `maxMs`,
 * with up to a quarter taken off at random so that replicas don't return together.
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (1 - Math.random() / 4));
}
