/**
 * The metrics of several processes as one.
 *
 * A counter that has been shown never falls: Prometheus takes a fall for a restart and counts all that is
 * left as new. So of a process that has ended, or doesn't answer, the counters and histograms it last told
 * stay in the sum; its gauges don't, as they say what is and not what was.
 */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** The metrics of one process, as they travel between processes. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Words at run time, whatever prom-client's declarations say. */
const ONLY_GROW: ReadonlySet<unknown> = new Set(['counter', 'histogram']);

export class SummedMetrics {
  readonly #last = new Map<number, Figures>();
  /** Of all processes that have ended. */
  #ended: Figures = [];

  /** Takes in what the process with this id says of itself now. */
  tell(id: number, figures: Figures): void {
    this.#last.set(id, figures);
  }

  /** The process is gone, and with it what it hadn't told. */
  end(id: number): void {
    const last = this.#last.get(id);
    this.#last.delete(id);
    if (last !== undefined) this.#ended = sumOf([this.#ended, growing(last)]).getMetricsAsArray() as Figures;
  }

  /**
   * All of it, as Prometheus text.
   *
   * @param answering the ids whose figures are new.
   * @param own figures of the process that asks.
   */
  text(answering: ReadonlySet<number>, own: Figures): Promise<string> {
    const parts = [...this.#last].map(([id, figures]) => (answering.has(id) ? figures : growing(figures)));
    return sumOf([own, this.#ended, ...parts]).metrics();
  }
}

function sumOf(parts: readonly Figures[]): Registry {
  return AggregatorRegistry.aggregate([...parts]);
}

function growing(figures: Figures): Figures {
  return figures.filter(({ type }) => ONLY_GROW.has(type));
}
