/** The end of a run, for a person: requests by kind, events, and the thresholds that broke. */

/** What trends are summed up by; a script's options must name these. */
export const TREND_STATS = ['med', 'p(95)', 'p(99)', 'max'];

/**
 * @typedef {{ values: Record<string, number>, thresholds?: Record<string, { ok: boolean }> }} Metric
 * @typedef {{ metrics: Record<string, Metric>, state: { testRunDurationMs: number } }} SummaryData
 */

/**
 * Makes a script's `handleSummary`. It has a line for each tag that a threshold on http_req_duration
 * names, since k6 keeps figures of no others.
 *
 * @param {string} title of the script, with what it was set to do.
 */
export function summaryOf(title) {
  return (/** @type {SummaryData} */ data) => {
    const text = `\n${title}, ${(data.state.testRunDurationMs / 1_000).toFixed(0)} s\n\n${linesOf(data).join('\n')}\n\n`;
    const file = __ENV['SUMMARY'];
    return { stdout: text, ...(file ? { [file]: JSON.stringify(figuresOf(data)) } : {}) };
  };
}

/** @param {SummaryData} data */
function linesOf({ metrics, state }) {
  const lines = [];
  for (const [name, { values }] of Object.entries(metrics)) {
    const tag = /^http_req_duration\{(.+)\}$/.exec(name)?.[1];
    if (tag === undefined) continue;
    lines.push(
      `  ${tag.padEnd(19)} p50 ${ms(values['med'])}  p95 ${ms(values['p(95)'])}  p99 ${ms(values['p(99)'])}  most ${ms(values['max'])}`,
    );
  }
  const seconds = state.testRunDurationMs / 1_000;
  const requests = countOf(metrics, 'http_reqs');
  lines.push('', `  ${'requests'.padEnd(19)}${whole(requests)}, ${whole(requests / seconds)} a second`);
  for (const name of ['accepted_events', 'refused_events', 'dropped_iterations']) {
    if (metrics[name] !== undefined)
      lines.push(`  ${name.replace('_', ' ').padEnd(19)}${whole(countOf(metrics, name))}`);
  }
  const broken = brokenThresholds(metrics);
  lines.push(
    '',
    broken.length === 0 ? '  all thresholds held' : '  BROKEN:',
    ...broken.map((each) => `    ${each}`),
  );
  return lines;
}

/** @param {SummaryData} data */
function figuresOf({ metrics }) {
  return {
    requests: countOf(metrics, 'http_reqs'),
    accepted: countOf(metrics, 'accepted_events'),
    refused: countOf(metrics, 'refused_events'),
    broken: brokenThresholds(metrics),
  };
}

/** @param {Record<string, Metric>} metrics */
function brokenThresholds(metrics) {
  return Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([, { ok }]) => !ok)
      .map(([rule]) => `${name}: ${rule}`),
  );
}

/**
 * @param {Record<string, Metric>} metrics
 * @param {string} name
 */
function countOf(metrics, name) {
  return metrics[name]?.values['count'] ?? 0;
}

/** @param {number | undefined} value */
function ms(value) {
  return value === undefined ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} ms`.padStart(7);
}

/** @param {number} value */
function whole(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
