/**
 * The metrics of all processes, asked for by any of them: the primary asks each child for its own and adds
 * them up. It doesn't wait long for a child that hangs: what that one last told is in the sum.
 */
import type { Worker } from 'node:cluster';
import { Counter, Gauge, type Registry } from 'prom-client';
import { createRegistry } from './metrics.ts';
import { type ToPrimary, tell } from './process-messages.ts';
import { type Figures, SummedMetrics } from './summed-metrics.ts';

/** A child answers between two of its requests, in milliseconds; Prometheus gives a scrape ten seconds. */
const ANSWERED_WITHIN_MS = 1_000;
/** The primary does no work, so that its event loop and heap would only hide those of the others. */
const OF_PRIMARY = /^(process|sluice)_/;

interface Round {
  readonly answering: Set<number>;
  readonly done: () => void;
}

export class ProcessMetrics {
  readonly #registry: Registry;
  readonly #processes: Gauge;
  readonly #restarts: Counter;
  readonly #sum = new SummedMetrics();
  readonly #workers = new Set<Worker>();
  readonly #rounds = new Map<number, Round>();
  #lastRound = 0;

  constructor(service: string) {
    this.#registry = createRegistry(service);
    const registers = [this.#registry];
    this.#processes = new Gauge({
      name: 'sluice_processes',
      help: 'Processes whose figures are in these, without the primary; one that hangs is missing.',
      registers,
    });
    this.#restarts = new Counter({
      name: 'sluice_process_restarts_total',
      help: 'Processes that died and were replaced.',
      registers,
    });
  }

  /** Listens to a new child. */
  add(worker: Worker): void {
    this.#workers.add(worker);
    worker.on('message', (message: ToPrimary) => {
      if (message.kind === 'ask') void this.#answer(worker, message.id);
      if (message.kind === 'figures' && this.#workers.has(worker)) this.#takeIn(worker.id, message);
    });
  }

  /** The child has ended. */
  remove(worker: Worker): void {
    this.#workers.delete(worker);
    this.#sum.end(worker.id);
  }

  /** A child that died is being replaced. */
  restarted(): void {
    this.#restarts.inc();
  }

  async #answer(asking: Worker, id: number): Promise<void> {
    const answering = await this.#ask();
    this.#processes.set(answering.size);
    const own = (await this.#registry.getMetricsAsJSON()).filter(({ name }) => OF_PRIMARY.test(name));
    tell(asking, { kind: 'answer', id, text: await this.#sum.text(answering, own.map(keptStart)) });
  }

  /** Asks all. @returns the ids of those that answered in time. */
  #ask(): Promise<ReadonlySet<number>> {
    this.#lastRound += 1;
    const id = this.#lastRound;
    const asked = [...this.#workers].filter((worker) => worker.isConnected());
    const answering = new Set<number>();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(late);
        this.#rounds.delete(id);
        resolve(answering);
      };
      const late = setTimeout(end, ANSWERED_WITHIN_MS);
      const done = () => {
        if (answering.size === asked.length) end();
      };
      this.#rounds.set(id, { answering, done });
      for (const worker of asked) tell(worker, { kind: 'tell figures', id });
    });
  }

  #takeIn(worker: number, { id, figures }: Extract<ToPrimary, { kind: 'figures' }>): void {
    this.#sum.tell(worker, figures);
    const round = this.#rounds.get(id);
    round?.answering.add(worker);
    round?.done();
  }
}

/** prom-client leaves out when processes started, since a sum says nothing; all of them did with the primary. */
function keptStart(metric: Figures[number]): Figures[number] {
  return metric.name === 'process_start_time_seconds' ? { ...metric, aggregator: 'min' } : metric;
}
