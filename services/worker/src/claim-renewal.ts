/** Keeps what a consumer holds for long from being taken over. */
import type { Log } from '@sluice/service/log';
import { faultOf } from './postgres-fault.ts';
import type { StreamReader } from './stream-reader.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** Entries that a consumer has, and since when by performance.now(). */
export interface Held {
  readonly entries: readonly { readonly id: string }[];
  readonly readAt: number;
}

export interface ClaimRenewalOptions {
  readonly stream: StreamReader;
  /** What the consumer holds at this moment. */
  readonly held: () => readonly Held[];
  readonly claimMinIdleMs: number;
  readonly metrics: WorkerMetrics;
  readonly log: Log;
}

export class ClaimRenewal {
  readonly #options: ClaimRenewalOptions;
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;

  constructor(options: ClaimRenewalOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#renew(), this.#options.claimMinIdleMs / 3);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A claim that is lost is somebody else's work now. */
  async #renew(): Promise<void> {
    // One round at a time: a Redis that was silent would get a heap of them when it is back.
    if (this.#renewing) return;
    this.#renewing = true;
    const { stream, held, claimMinIdleMs, metrics, log } = this.#options;
    const heldSince = performance.now() - claimMinIdleMs / 4;
    try {
      for (const { entries, readAt } of held()) {
        if (readAt > heldSince || entries.length === 0) continue;
        const gone = await stream.renew(entries.map(({ id }) => id));
        if (gone.length > 0) log.warn({ entries: gone.length }, 'claims taken over by another worker');
      }
    } catch (error) {
      metrics.failed('settle', faultOf(error), error);
    } finally {
      this.#renewing = false;
    }
  }
}
