/** What a run found, as it is printed and written. */
import { type Figure, ratioOf, type Verdict, verdictOf } from './figure.ts';
import type { Machine } from './machine.ts';
import type { Size } from './options.ts';
import type { Point, Profile, Run } from './run.ts';

export interface Result {
  readonly takenAt: string;
  /** The arguments of `pnpm bench`. */
  readonly command: readonly string[];
  readonly size: Size;
  readonly machine: Machine;
  readonly figures: readonly (Figure & { readonly ratio?: number; readonly verdict: Verdict })[];
  readonly series: Readonly<Record<string, readonly Point[]>>;
  readonly profiles: readonly Profile[];
  /** Scenarios that ended with an error. */
  readonly failed: readonly string[];
}

export function resultOf(
  run: Run,
  machine: Machine,
  command: readonly string[],
  failed: readonly string[],
): Result {
  return {
    takenAt: new Date().toISOString(),
    command,
    size: run.size,
    machine,
    figures: run.figures.map((figure) => {
      const ratio = ratioOf(figure);
      return { ...figure, ...(ratio === undefined ? {} : { ratio }), verdict: verdictOf(figure) };
    }),
    series: run.series,
    profiles: run.profiles,
    failed,
  };
}
