/**
 * A front page links to us: RATE, suddenly FACTOR times as much, and RATE again.
 *
 * In the spike the service may say 503, but only with a Retry-After; afterwards it must be as before.
 */
import { check } from 'k6';
import exec from 'k6/execution';
import { sendEvent } from './events.js';
import { setting, TARGET, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 200);
const FACTOR = setting('FACTOR', 20);
const DURATION_S = setting('DURATION', 60);
const P99_MS = setting('P99_MS', 100);

/** Shares of the duration at which the spike begins and is over; in between it lasts two sixths. */
const SPIKE_FROM = 2 / 6;
const SPIKE_TO = 4 / 6;
const SIXTH = `${Math.max(1, Math.round(DURATION_S / 6))}s`;
/** What waits from the spike is answered in the first moments after it, which count to it. */
const SETTLE = 0.05;

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: RATE,
      timeUnit: '1s',
      ...usersFor(RATE * FACTOR),
      stages: [
        { target: RATE, duration: SIXTH },
        { target: RATE, duration: SIXTH },
        { target: RATE * FACTOR, duration: '0s' },
        { target: RATE * FACTOR, duration: SIXTH },
        { target: RATE * FACTOR, duration: SIXTH },
        { target: RATE, duration: '0s' },
        { target: RATE, duration: SIXTH },
        { target: RATE, duration: SIXTH },
      ],
    },
  },
  thresholds: {
    'http_req_duration{phase:before}': [`p(99)<${P99_MS}`],
    'http_req_duration{phase:spike}': ['max<10000'],
    'http_req_duration{phase:after}': [`p(99)<${P99_MS}`],
    'http_req_failed{phase:after}': ['rate<0.001'],
    checks: ['rate>0.999'],
  },
  summaryTrendStats: TREND_STATS,
};

export default function () {
  const { progress } = exec.scenario;
  const phase = progress < SPIKE_FROM ? 'before' : progress < SPIKE_TO + SETTLE ? 'spike' : 'after';
  const response = sendEvent({ phase });
  check(response, {
    'it is on disk, or the client knows when to come back': ({ status, headers }) =>
      status === 204 || (status === 503 && Number(headers['Retry-After']) > 0),
  });
}

export const handleSummary = summaryOf(
  `spike: ${RATE} events/s, for a while ${RATE * FACTOR}/s, on ${TARGET}`,
);
