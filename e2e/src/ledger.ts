/**
 * What was sent and what was answered: the promise that the oracle holds the system to.
 *
 * An event is `acked` from its first success answer on, whatever later attempts bring; `refused` when
 * the service said that it is wrong; else `unknown`: it may be stored or not.
 */
import type { SentEvent } from './contents.ts';

/** How an attempt to hand over an event ended. */
export interface Answer {
  readonly outcome: 'acked' | 'refused' | 'unknown';
  /** The HTTP status, or in a word why there was none: an error code such as ECONNRESET, or `late`. */
  readonly status: number | string;
}

/** An event with the times between which ingest can have received it, in epoch milliseconds. */
export interface Recorded {
  readonly event: SentEvent;
  readonly firstSentAt: number;
  lastAnsweredAt: number;
  attempts: number;
  outcome: Answer['outcome'];
}

/** The status of an answer that didn't come by its deadline. */
export const LATE = 'late';

export class Ledger {
  readonly acked = new Map<string, Recorded>();
  readonly unknown = new Map<string, Recorded>();
  readonly refused = new Map<string, Recorded>();
  /** Milliseconds that requests took, by how they ended. */
  readonly #latencies = new Map<number | string, number[]>();
  /** Ids of events in requests that got no answer by their deadline. */
  readonly late: string[] = [];
  #lastSuccessAt: number | undefined;
  #longestOutageMs = 0;

  /** Takes in one request's events and their answers. Times in epoch milliseconds. */
  record(events: readonly SentEvent[], answers: readonly Answer[], sentAt: number, answeredAt: number): void {
    for (const [at, event] of events.entries()) {
      this.#settle(event, answers[at] ?? { outcome: 'unknown', status: 'no answer' }, sentAt, answeredAt);
    }
    const status = answers[0]?.status ?? 'no answer';
    const latencies = this.#latencies.get(status);
    if (latencies === undefined) this.#latencies.set(status, [answeredAt - sentAt]);
    else latencies.push(answeredAt - sentAt);
    if (answers.some(({ outcome }) => outcome === 'acked')) this.#succeeded(answeredAt);
  }

  /** Requests by how they ended, such as `{ 204: 5000, 503: 12, ECONNRESET: 3 }`. */
  get statuses(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#latencies].map(([status, latencies]) => [status, latencies.length]));
  }

  /** The longest time without any success between two successes. */
  get longestOutageMs(): number {
    return this.#longestOutageMs;
  }

  /** The latency that `share` (0.99 for p99) of the requests with this status stayed within; NaN without any. */
  latencyMs(status: number | string, share: number): number {
    const sorted = (this.#latencies.get(status) ?? []).toSorted((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  }

  #settle(event: SentEvent, answer: Answer, sentAt: number, answeredAt: number): void {
    const { eventId } = event;
    const before = this.acked.get(eventId) ?? this.unknown.get(eventId) ?? this.refused.get(eventId);
    const recorded: Recorded = before ?? {
      event,
      firstSentAt: sentAt,
      lastAnsweredAt: answeredAt,
      attempts: 0,
      outcome: answer.outcome,
    };
    recorded.lastAnsweredAt = Math.max(recorded.lastAnsweredAt, answeredAt);
    recorded.attempts += 1;
    if (answer.status === LATE) this.late.push(eventId);
    if (this.acked.has(eventId)) return;
    // A refusal says nothing of an earlier attempt whose outcome nobody knows.
    const outcome = answer.outcome === 'refused' && this.unknown.has(eventId) ? 'unknown' : answer.outcome;
    this.unknown.delete(eventId);
    this.refused.delete(eventId);
    recorded.outcome = outcome;
    this[outcome].set(eventId, recorded);
  }

  #succeeded(at: number): void {
    if (this.#lastSuccessAt !== undefined) {
      this.#longestOutageMs = Math.max(this.#longestOutageMs, at - this.#lastSuccessAt);
    }
    this.#lastSuccessAt = at;
  }
}
