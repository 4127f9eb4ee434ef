/**
 * The value that `share` (0.99 for p99) of the values stay within, NaN without any.
 *
 * @param sorted ascending.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The one in the middle, NaN without any: what a hiccup of the machine doesn't move. */
export function median(values: readonly number[]): number {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
