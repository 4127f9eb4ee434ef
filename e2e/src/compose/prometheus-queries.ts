/** Every query that somebody may put to Prometheus: the rules' and the dashboard's. */
import { readFile } from 'node:fs/promises';
import { projectDir } from '../project-dir.ts';

const FOLDER = `${projectDir}/docker/observability`;
const COMPARISON = / (>|<|>=|<=|==|!=) (?!bool)(?=[^<>=]*$)/;

export interface Query {
  /** Where it is from, such as a panel's title. */
  readonly from: string;
  readonly expr: string;
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

/** The queries of the dashboard's panels. */
export async function dashboardQueries(): Promise<Query[]> {
  const dashboard = JSON.parse(await readFile(`${FOLDER}/grafana/sluice.json`, 'utf8')) as Dashboard;
  return dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ from: `panel ${title}`, expr })),
  );
}

/**
 * The queries of the rules that Prometheus has loaded. An alert that doesn't fire has no data; what is
 * asked for is the truth value of its comparison, which has data whenever the figure behind it has.
 */
export async function ruleQueries(prometheusUrl: string): Promise<Query[]> {
  const { data } = await ask<Rules>(`${prometheusUrl}/api/v1/rules`);
  return data.groups
    .flatMap(({ rules }) => rules)
    .map(({ name, type, query }) => ({
      from: `${type} ${name}`,
      expr: type === 'alerting' ? asTruth(query) : query,
    }));
}

/** How many series a query finds now. */
export async function seriesOf(prometheusUrl: string, expr: string): Promise<number> {
  const { data } = await ask<Answer>(`${prometheusUrl}/api/v1/query?${new URLSearchParams({ query: expr })}`);
  // NaN is what a quantile of nothing is.
  return data.result.filter(({ value }) => value[1] !== 'NaN').length;
}

/** The names of the alerts that fire or are about to. */
export async function alertsNow(prometheusUrl: string): Promise<string[]> {
  const { data } = await ask<Alerts>(`${prometheusUrl}/api/v1/alerts`);
  return data.alerts.map(({ labels }) => labels['alertname'] ?? '');
}

function asTruth(expr: string): string {
  if (!COMPARISON.test(expr)) throw new Error(`no comparison in ${expr}`);
  return expr.replace(COMPARISON, ' $1 bool ');
}

interface Rules {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly { name: string; type: 'alerting' | 'recording'; query: string }[];
    }[];
  };
}
interface Answer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}
interface Alerts {
  readonly data: { readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[] };
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${url}: ${text}`);
  return JSON.parse(text) as T;
}
