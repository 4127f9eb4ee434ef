/**
 * The writers' places, which the shards of the stream share: whoever waits longest is next.
 *
 * Each shard waits with one batch at a time, so none can have two turns while another has none.
 */
export class WriteSlots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param slots batches that may be written at once. */
  constructor(slots: number) {
    this.#free = slots;
  }

  /** Resolves when a place is this caller's, who must give it back. */
  take(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a place that nobody needs at the moment, to be given back like any. @returns whether there was one. */
  takeIfFree(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
