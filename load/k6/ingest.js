/** Single events at a rate that climbs to RATE, stays there and climbs down. */
import { check } from 'k6';
import { sendEvent } from './events.js';
import { rateReached, setting, TARGET, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 500);
const DURATION_S = setting('DURATION', 60);
const P99_MS = setting('P99_MS', 100);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    events: {
      executor: 'ramping-arrival-rate',
      startRate: Math.max(1, Math.round(RATE / 10)),
      timeUnit: '1s',
      ...usersFor(RATE),
      stages: [
        { target: RATE, duration: `${Math.ceil(DURATION_S / 4)}s` },
        { target: RATE, duration: `${Math.ceil(DURATION_S / 2)}s` },
        { target: 0, duration: `${Math.ceil(DURATION_S / 4)}s` },
      ],
    },
  },
  thresholds: {
    'http_req_failed{endpoint:event}': ['rate<0.001'],
    'http_req_duration{endpoint:event}': [`p(99)<${P99_MS}`],
    checks: ['rate>0.999'],
    dropped_iterations: rateReached(RATE, DURATION_S),
  },
  summaryTrendStats: TREND_STATS,
};

export default function () {
  const response = sendEvent();
  check(response, { 'the event is on disk': ({ status }) => status === 204 });
}

export const handleSummary = summaryOf(`ingest: single events, up to ${RATE}/s, on ${TARGET}`);
