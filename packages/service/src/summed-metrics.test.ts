import { Counter, Gauge, Histogram } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createGauge, createRegistry, createTally } from './metrics.ts';
import { type Figures, SummedMetrics } from './summed-metrics.ts';

/** What a process says that took so many requests and saw such a backlog. */
function figures(requests: number, backlog: number): Promise<Figures> {
  const registry = createRegistry('ingest');
  const registers = [registry];
  createTally(registry, 'requests_total', 'Requests.', ['a', 'b'], 'kind').a = requests;
  const seconds = new Histogram({ name: 'seconds', help: 'Time.', buckets: [1, 5], registers });
  for (let at = 0; at < requests; at += 1) seconds.observe(2);
  createGauge(registry, 'backlog', 'Backlog.', () => backlog);
  new Gauge({ name: 'in_flight', help: 'Under way.', registers }).set(requests);
  return registry.getMetricsAsJSON();
}

/** The primary's own. */
function own(): Promise<Figures> {
  const registry = createRegistry('ingest');
  new Counter({ name: 'restarts_total', help: 'Restarts.', registers: [registry] }).inc(2);
  return registry.getMetricsAsJSON();
}

const REQUESTS = 'requests_total{kind="a",service="ingest"}';

async function shown(sum: SummedMetrics, ...answering: number[]): Promise<Map<string, string>> {
  const text = await sum.text(new Set(answering), await own());
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
}

async function twoProcesses(): Promise<SummedMetrics> {
  const sum = new SummedMetrics();
  sum.tell(1, await figures(3, 70));
  sum.tell(2, await figures(4, 69));
  return sum;
}

describe('the metrics of several processes', () => {
  it('are the sum of counters, histograms and gauges, and the highest of what each reads from Redis', async () => {
    const all = await shown(await twoProcesses(), 1, 2);
    expect(Object.fromEntries(all)).toMatchObject({
      [REQUESTS]: '7',
      'requests_total{kind="b",service="ingest"}': '0',
      'seconds_bucket{le="1",service="ingest"}': '0',
      'seconds_bucket{le="5",service="ingest"}': '7',
      'seconds_sum{service="ingest"}': '14',
      'seconds_count{service="ingest"}': '7',
      'in_flight{service="ingest"}': '7',
      'backlog{service="ingest"}': '70',
      'restarts_total{service="ingest"}': '2',
    });
  });

  it('keep the counters of one that does not answer, and leave out its gauges', async () => {
    const all = await shown(await twoProcesses(), 2);
    expect(Object.fromEntries(all)).toMatchObject({
      [REQUESTS]: '7',
      'seconds_count{service="ingest"}': '7',
      'in_flight{service="ingest"}': '4',
      'backlog{service="ingest"}': '69',
    });
  });

  it('keep the counters of those that ended, beside those that took their places', async () => {
    const sum = await twoProcesses();
    sum.end(1);
    sum.end(2);
    sum.end(3);
    sum.tell(4, await figures(10, 5));
    const all = await shown(sum, 4);
    expect(Object.fromEntries(all)).toMatchObject({
      [REQUESTS]: '17',
      'seconds_count{service="ingest"}': '17',
      'in_flight{service="ingest"}': '10',
      'backlog{service="ingest"}': '5',
    });
  });
});
