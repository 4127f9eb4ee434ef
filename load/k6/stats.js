/** Reports at a steady RATE. */
import { askReport } from './events.js';
import { perMinute, rateReached, STATS_TARGET, setting, usersFor } from './settings.js';
import { summaryOf, TREND_STATS } from './summary.js';

const RATE = setting('RATE', 50);
const DURATION_S = setting('DURATION', 60);
const P99_MS = setting('P99_MS', 50);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    reports: {
      executor: 'constant-arrival-rate',
      ...perMinute(RATE),
      ...usersFor(RATE),
      duration: `${DURATION_S}s`,
    },
  },
  thresholds: {
    'http_req_failed{endpoint:stats}': ['rate<0.001'],
    'http_req_duration{endpoint:stats}': [`p(99)<${P99_MS}`],
    checks: ['rate>0.999'],
    dropped_iterations: rateReached(RATE, DURATION_S),
  },
  summaryTrendStats: TREND_STATS,
};

export default askReport;

export const handleSummary = summaryOf(`stats: ${RATE} reports/s on ${STATS_TARGET}`);
