/**
 * Clients that send events and write down what they were told.
 *
 * Each connection is one keep-alive client: it sends, waits for the answer, sends the next. After
 * anything but a success it pauses a little and goes to the next ingest, as behind a balancer. With
 * `resend` it stays with an event until that is acked or refused, as a client with a queue does.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEvent, type SentEvent } from './contents.ts';
import { Ledger } from './ledger.ts';
import type { Random } from './seed.ts';
import { type Send, sendOne } from './send.ts';
import { until } from './until.ts';

export interface LoadOptions {
  readonly random: Random;
  readonly connections: number;
  /** Ends after so many events; without `count` and `durationMs` it goes on until stop(). */
  readonly count?: number;
  readonly durationMs?: number;
  /** Events a second over all connections; as fast as answers come when absent. */
  readonly rate?: number;
  /** Events a request, for a `send` that takes several. */
  readonly batch?: number;
  readonly send?: Send;
  /** Makes the events; createEvent when absent. */
  readonly create?: typeof createEvent;
  /** Tries events whose outcome is unknown again, with the same `event_id`, until they are acked or refused. */
  readonly resend?: boolean;
  /** A request must have its answer by then (I7). */
  readonly answerWithinMs?: number;
}

/** Ingest answers within 1.5 s whatever happens to Redis; the rest is for two busy cores. */
const ANSWER_WITHIN_MS = 4_000;
/** After a failure: short against a second's outage, long enough not to spin. */
const PAUSE_MS = 25;
/** A system that is up takes events at once; this is for two busy cores. */
const ACKNOWLEDGED_WITHIN_MS = 20_000;
/** Whoever stops a load wants an end even if the system never heals. */
const RESEND_AFTER_STOP_MS = 20_000;

let runs = 0;

/** Starts clients on all ingests that run now. */
export function startLoad(
  system: { readonly ingests: readonly { url: string }[] },
  options: LoadOptions,
): Load {
  return new Load(
    system.ingests.map(({ url }) => url),
    options,
  );
}

export class Load extends Ledger {
  /** Resolves when the last answer is in; rejects only on a defect of the load itself. */
  readonly done: Promise<void>;
  readonly #urls: readonly string[];
  readonly #options: LoadOptions;
  readonly #run: string;
  readonly #startedAt = performance.now();
  #sent = 0;
  #turns = 0;
  #stoppedAt: number | undefined;

  /** @param urls of the ingests. */
  constructor(urls: readonly string[], options: LoadOptions) {
    super();
    this.#urls = urls;
    this.#options = options;
    runs += 1;
    this.#run = `${options.random.seed.toString(36)}.${runs}`;
    const clients = Array.from({ length: options.connections }, (_, at) => this.#client(at));
    this.done = Promise.all(clients).then(() => undefined);
    this.done.catch(() => undefined);
  }

  /** Sends no more, and resolves when the last answer is in. */
  async stop(): Promise<void> {
    this.#stoppedAt ??= performance.now();
    await this.done;
  }

  /** Waits until so many events more are acknowledged. */
  async acknowledges(more: number): Promise<void> {
    const wanted = this.acked.size + more;
    await until('acknowledged', ACKNOWLEDGED_WITHIN_MS, () =>
      this.acked.size >= wanted ? undefined : `${this.acked.size} of ${wanted}`,
    );
  }

  /** Events made so far. */
  get sent(): number {
    return this.#sent;
  }

  async #client(number: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { send = sendOne, answerWithinMs = ANSWER_WITHIN_MS } = this.#options;
    let target = number;
    let events: readonly SentEvent[] = [];
    try {
      while (events.length > 0 || this.#goesOn) {
        if (events.length === 0) events = await this.#take();
        if (events.length === 0) continue;
        const url = this.#urls[target % this.#urls.length] as string;
        const sentAt = Date.now();
        const answers = await send(events, { url, agent, answerWithinMs });
        this.record(events, answers, sentAt, Date.now());
        const failed = events.filter((_, at) => answers[at]?.outcome === 'unknown');
        events = this.#triesAgain ? failed : [];
        if (failed.length > 0) {
          target += 1;
          await sleep(PAUSE_MS);
        }
      }
    } finally {
      agent.destroy();
    }
  }

  /** The next events, when their time has come; none when the load has ended. */
  async #take(): Promise<readonly SentEvent[]> {
    const { batch = 1, count = Number.POSITIVE_INFINITY, random, create = createEvent } = this.#options;
    await this.#turn();
    const events: SentEvent[] = [];
    while (this.#goesOn && events.length < batch && this.#sent < count) {
      events.push(create(random, this.#run, this.#sent));
      this.#sent += 1;
    }
    return events;
  }

  /** Waits for the next of the moments that `rate` makes, which all connections share. */
  async #turn(): Promise<void> {
    const { rate, batch = 1 } = this.#options;
    if (rate === undefined) return;
    const dueAt = this.#startedAt + this.#turns * (batch / rate) * 1_000;
    this.#turns += 1;
    await sleep(Math.max(0, dueAt - performance.now()));
  }

  get #goesOn(): boolean {
    const { durationMs = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#stoppedAt !== undefined || this.#sent >= count) return false;
    return performance.now() - this.#startedAt < durationMs;
  }

  /** Whether what is unknown is tried again; for ever only as long as the load runs. */
  get #triesAgain(): boolean {
    if (this.#options.resend !== true) return false;
    return this.#stoppedAt === undefined || performance.now() - this.#stoppedAt < RESEND_AFTER_STOP_MS;
  }
}
