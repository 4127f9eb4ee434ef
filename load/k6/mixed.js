/** What a day looks like: RATE events a second, half of them in batches, while people look at reports. */
import { check } from 'k6';
import { askReport, sendBatch, sendEvent } from './events.js';
import { BATCH, perMinute, setting, TARGET, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 1_000);
const DURATION_S = setting('DURATION', 60);
const P99_MS = setting('P99_MS', 250);
/** A person looks at a report for every hundred events that come in. */
const EVENTS_PER_REPORT = 100;

/**
 * @param {string} exec
 * @param {number} perSecond
 * @returns {import('k6/options').Scenario}
 */
function steady(exec, perSecond) {
  return {
    executor: 'constant-arrival-rate',
    exec,
    ...perMinute(perSecond),
    ...usersFor(perSecond),
    duration: `${DURATION_S}s`,
  };
}

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    events: steady('event', RATE / 2),
    batches: steady('batch', RATE / 2 / BATCH),
    reports: steady('report', RATE / EVENTS_PER_REPORT),
  },
  thresholds: {
    http_req_failed: ['rate<0.001'],
    'http_req_duration{endpoint:event}': [`p(99)<${P99_MS}`],
    'http_req_duration{endpoint:events}': [`p(99)<${P99_MS}`],
    'http_req_duration{endpoint:stats}': [`p(99)<${P99_MS}`],
    checks: ['rate>0.999'],
  },
  summaryTrendStats: TREND_STATS,
};

export function event() {
  check(sendEvent(), { 'the event is on disk': ({ status }) => status === 204 });
}
export const batch = sendBatch;
export const report = askReport;

export const handleSummary = summaryOf(`mixed: ${RATE} events/s and reports on ${TARGET}`);
