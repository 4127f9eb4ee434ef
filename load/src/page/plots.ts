/** The plots of the performance page, from a result's series. */
import type { Point } from '../bench/run.ts';
import type { Plot } from './plot.ts';

export interface NamedPlot {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly plot: Plot;
}

type Series = Readonly<Record<string, readonly Point[]>>;

/** Those whose scenario ran. */
export function plotsOf(series: Series): NamedPlot[] {
  const all = [
    drawn(series, 'connections', 'connections', {
      title: 'Requests a second, one event each',
      x: { label: 'connections', scale: 'log' },
      y: { label: 'requests/s', scale: 'linear' },
      lines: { sluice: 'Sluice', bare: 'bare server' },
    }),
    drawn(series, 'rates', 'perSecond', {
      title: 'Latency at a given rate, from when a request was due',
      x: { label: 'requests/s asked for', scale: 'linear' },
      y: { label: 'ms', scale: 'log' },
      lines: { p50Ms: 'p50', p99Ms: 'p99' },
    }),
    drawn(series, 'batch', 'events', {
      title: 'Ingest CPU an event',
      x: { label: 'events a request', scale: 'log' },
      y: { label: 'µs', scale: 'log' },
      lines: { cpuMicros: 'ingest', redisMicros: 'Redis' },
    }),
    drawn(series, 'drain', 'workers', {
      title: 'A backlog stored, high cardinality',
      x: { label: 'workers', scale: 'linear' },
      y: { label: 'events/s', scale: 'linear' },
      lines: { perSecond: 'Sluice' },
    }),
    drawn(series, 'growth', 'rows', {
      title: 'CPU to store one more event',
      x: { label: 'rows stored', scale: 'log' },
      y: { label: 'µs', scale: 'linear' },
      lines: { micros: 'all processes' },
    }),
    drawn(series, 'reports', 'rows', {
      title: "Reports and a scan of the largest site's day",
      x: { label: 'rows stored', scale: 'log' },
      y: { label: 'ms', scale: 'log' },
      lines: { p99Ms: 'any report, p99', reportMs: 'its report', scanMs: 'its scan' },
    }),
    drawn(series, 'memory', 'atS', {
      title: 'Memory at the highest rate that holds',
      x: { label: 'seconds', scale: 'linear' },
      y: { label: 'MiB', scale: 'linear' },
      lines: { ingest: 'ingest', worker: 'a worker' },
    }),
  ];
  return all.filter((each) => each !== undefined);
}

function drawn(
  series: Series,
  name: string,
  x: string,
  { lines, ...plot }: Omit<Plot, 'lines'> & { readonly lines: Readonly<Record<string, string>> },
): NamedPlot | undefined {
  const points = series[name];
  if (points === undefined || points.length === 0) return undefined;
  const drawnLines = Object.entries(lines).map(([field, label]) => ({
    label,
    points: points.map((point): [number, number] => [point[x] ?? 0, point[field] ?? 0]),
  }));
  return { name, plot: { ...plot, lines: drawnLines } };
}
