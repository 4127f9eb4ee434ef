/** Hours of a steady RATE: its last third must be no slower than its first, and nothing may fail. */
import { check } from 'k6';
import exec from 'k6/execution';
import { sendEvent } from './events.js';
import { perMinute, rateReached, setting, TARGET, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 200);
const DURATION_S = setting('DURATION', 3_600);
const P99_MS = setting('P99_MS', 100);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      ...perMinute(RATE),
      ...usersFor(RATE),
      duration: `${DURATION_S}s`,
    },
  },
  thresholds: {
    http_req_failed: ['rate<0.0001'],
    'http_req_duration{third:first}': [`p(99)<${P99_MS}`],
    'http_req_duration{third:second}': [`p(99)<${P99_MS}`],
    'http_req_duration{third:last}': [`p(99)<${P99_MS}`],
    checks: ['rate>0.9999'],
    dropped_iterations: rateReached(RATE, DURATION_S),
  },
  summaryTrendStats: TREND_STATS,
};

export default function () {
  const { progress } = exec.scenario;
  const third = progress < 1 / 3 ? 'first' : progress < 2 / 3 ? 'second' : 'last';
  check(sendEvent({ third }), { 'the event is on disk': ({ status }) => status === 204 });
}

export const handleSummary = summaryOf(`soak: ${RATE} events/s on ${TARGET}`);
