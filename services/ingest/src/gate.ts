/**
 * The high-water mark: whether there is still room behind us for what a client wants to leave here.
 *
 * Two levels are watched, each closing the gate at a high mark and opening it at a lower one, so that
 * it doesn't flap: the backlog in events, which every append reports, and Redis' memory, which a poll
 * reports. A closed gate costs a request nothing but its answer.
 */

/** The gate opens again when a level is back at this share of its high mark. */
const LOW_SHARE = 0.8;
const MIN_RETRY_AFTER_S = 1;
const MAX_RETRY_AFTER_S = 300;

export interface GateOptions {
  /** Events. */
  readonly backlogHigh: number;
  /** Percent of Redis' maxmemory. */
  readonly memoryHighPercent: number;
}

export class Gate {
  readonly #options: GateOptions;
  #backlog = 0;
  #backlogClosed = false;
  #memoryClosed = false;
  /** Events settled a second, smoothed: what Retry-After is computed from. */
  #drainRate = 0;
  #lastSettled: { readonly settled: number; readonly atMs: number } | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Why the gate is closed, `undefined` when it is open. */
  get closed(): string | undefined {
    if (this.#memoryClosed) return 'redis memory above its high-water mark';
    return this.#backlogClosed ? 'backlog above its high-water mark' : undefined;
  }

  /** Events accepted and not settled yet, as last seen. */
  get backlog(): number {
    return this.#backlog;
  }

  /** The most events that an append may leave in the stream. */
  get limit(): number {
    return this.#options.backlogHigh;
  }

  /** Takes in the counters of the stream, as of now. */
  observeBacklog(accepted: number, settled: number, nowMs: number): void {
    this.#backlog = Math.max(0, accepted - settled);
    const low = this.#options.backlogHigh * LOW_SHARE;
    this.#backlogClosed = this.#backlogClosed
      ? this.#backlog > low
      : this.#backlog >= this.#options.backlogHigh;
    this.#observeDrain(settled, nowMs);
  }

  /** An append was refused by the limit, so the backlog is at its mark whatever was last seen. */
  full(): void {
    this.#backlogClosed = true;
  }

  /** @param usedPercent of maxmemory; 0 when Redis has no maxmemory. */
  observeMemory(usedPercent: number): void {
    const high = this.#options.memoryHighPercent;
    this.#memoryClosed = this.#memoryClosed ? usedPercent > high * LOW_SHARE : usedPercent >= high;
  }

  /** Whole seconds until the backlog will have drained to the low mark at the rate last seen. */
  get retryAfterSeconds(): number {
    if (!this.#backlogClosed) return this.#memoryClosed ? 10 : MIN_RETRY_AFTER_S;
    const excess = this.#backlog - this.#options.backlogHigh * LOW_SHARE;
    const seconds = this.#drainRate > 0 ? excess / this.#drainRate : 30;
    return Math.min(MAX_RETRY_AFTER_S, Math.max(MIN_RETRY_AFTER_S, Math.ceil(seconds)));
  }

  #observeDrain(settled: number, nowMs: number): void {
    const last = this.#lastSettled;
    if (last === undefined || settled < last.settled) {
      this.#lastSettled = { settled, atMs: nowMs };
      return;
    }
    const elapsedMs = nowMs - last.atMs;
    // Under a second the rate is noise: settling comes in batches.
    if (elapsedMs < 1_000) return;
    const rate = ((settled - last.settled) * 1_000) / elapsedMs;
    this.#drainRate = this.#drainRate === 0 ? rate : this.#drainRate * 0.7 + rate * 0.3;
    this.#lastSettled = { settled, atMs: nowMs };
  }
}
