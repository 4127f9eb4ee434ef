/**
 * The writers' places, which the shards of the stream share: whoever waits longest is next.
 *
 * Each shard waits with one batch at a time, so none can have two turns while another has none. Who
 * wants all places waits until they are free, and those who come later wait behind it.
 */
export class WriteSlots {
  /** How many there are. */
  readonly size: number;
  readonly #waiting: { readonly places: number; readonly granted: () => void }[] = [];
  #free: number;

  /** @param size batches that may be written at once. */
  constructor(size: number) {
    this.size = size;
    this.#free = size;
  }

  /** Resolves when so many places are this caller's, who must give them back. */
  take(places = 1): Promise<void> {
    return new Promise((granted) => {
      this.#waiting.push({ places, granted });
      this.#grant();
    });
  }

  /** Takes a place that nobody needs or waits for, to be given back like any. @returns whether there was one. */
  takeIfFree(): boolean {
    if (this.#free === 0 || this.#waiting.length > 0) return false;
    this.#free -= 1;
    return true;
  }

  giveBack(places = 1): void {
    this.#free += places;
    this.#grant();
  }

  #grant(): void {
    for (
      let [next] = this.#waiting;
      next !== undefined && next.places <= this.#free;
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#free -= next.places;
      next.granted();
    }
  }
}
