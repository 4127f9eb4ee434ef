/** Batches at a steady RATE of events. */
import { sendBatch } from './events.js';
import { BATCH, perMinute, rateReached, setting, TARGET, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 10_000);
const DURATION_S = setting('DURATION', 60);
const P99_MS = setting('P99_MS', 250);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    batches: {
      executor: 'constant-arrival-rate',
      ...perMinute(RATE / BATCH),
      ...usersFor(RATE / BATCH),
      duration: `${DURATION_S}s`,
    },
  },
  thresholds: {
    'http_req_failed{endpoint:events}': ['rate<0.001'],
    'http_req_duration{endpoint:events}': [`p(99)<${P99_MS}`],
    checks: ['rate>0.999'],
    dropped_iterations: rateReached(RATE / BATCH, DURATION_S),
  },
  summaryTrendStats: TREND_STATS,
};

export default sendBatch;

export const handleSummary = summaryOf(`batch: ${RATE} events/s in batches of ${BATCH} on ${TARGET}`);
