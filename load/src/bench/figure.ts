/** One row of the table: what was measured, beside what it is held against. */

export interface Figure {
  readonly scenario: string;
  /** What it is, in words. */
  readonly name: string;
  readonly value: number;
  /** Such as `µs` or `events/s`. */
  readonly unit: string;
  /** Something simpler that was measured in the same run, in the same unit. */
  readonly yardstick?: { readonly name: string; readonly value: number };
  readonly target?: Target;
  /** Whatever else one must know to read it. */
  readonly note?: string;
}

/** What the figure itself, or its ratio to the yardstick, has to be. */
export interface Target {
  readonly of: 'figure' | 'ratio';
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
}

export type Verdict = 'pass' | 'short' | '';

/** The figure in terms of its yardstick, `undefined` without one. */
export function ratioOf({ value, yardstick }: Figure): number | undefined {
  return yardstick === undefined ? undefined : value / yardstick.value;
}

/** Whether the target is reached; empty without one. A figure that couldn't be measured is short of it. */
export function verdictOf(figure: Figure): Verdict {
  const { target } = figure;
  if (target === undefined) return '';
  const measured = target.of === 'figure' ? figure.value : (ratioOf(figure) ?? Number.NaN);
  const reached = target.bound === 'at most' ? measured <= target.limit : measured >= target.limit;
  return reached ? 'pass' : 'short';
}
