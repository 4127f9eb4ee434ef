/** What a primary (processes.ts) and its children (child.ts) tell each other. */
import type { Worker } from 'node:cluster';
import type { Figures } from './summed-metrics.ts';

export type ToPrimary =
  /** What it depends on took its settings. */
  | { readonly kind: 'settled' }
  /** Somebody asked it for the metrics of all. */
  | { readonly kind: 'ask'; readonly id: number }
  /** Its own metrics, as it was asked. */
  | { readonly kind: 'figures'; readonly id: number; readonly figures: Figures };

export type ToChild =
  /** Take no more connections. The end of the channel, which comes next, says to stop. */
  | { readonly kind: 'close' }
  | { readonly kind: 'tell figures'; readonly id: number }
  /** The metrics of all, to the one who asked. */
  | { readonly kind: 'answer'; readonly id: number; readonly text: string };

/** Says it if there is still somebody to hear it. */
export function tell(worker: Worker, message: ToChild): void {
  worker.send(message, () => undefined);
}
