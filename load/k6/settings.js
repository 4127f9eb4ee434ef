/**
 * What a script takes from its environment: `pnpm load ingest -e RATE=2000 -e TARGET=http://host:8080`.
 *
 * TARGET        ingest's URL                                    http://127.0.0.1:8080
 * STATS_TARGET  the URL of stats                                http://127.0.0.1:8081
 * RATE          events or reports a second, at the most         each script has its own
 * DURATION      seconds                                         each script has its own
 * P99_MS        what the 99th percentile must stay under        each script has its own
 * BATCH         events of a batch                               100
 * FACTOR        how many times RATE a spike is                  20
 * DROPPED       share of requests that may not be sent in time  0.01
 * SUMMARY       a file for the figures as JSON                  none
 */

export const TARGET = __ENV['TARGET'] || 'http://127.0.0.1:8080';
export const STATS_TARGET = __ENV['STATS_TARGET'] || 'http://127.0.0.1:8081';
export const BATCH = setting('BATCH', 100);
const DROPPED = setting('DROPPED', 0.01);

/**
 * A number of the environment.
 *
 * @param {string} name
 * @param {number} fallback
 * @returns {number}
 */
export function setting(name, fallback) {
  const text = __ENV[name];
  if (!text) return fallback;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0`);
  return value;
}

/**
 * Virtual users for an arrival rate: enough for answers that take 100 ms, and for a second at the worst.
 *
 * @param {number} perSecond
 */
export function usersFor(perSecond) {
  return {
    preAllocatedVUs: Math.max(5, Math.ceil(perSecond * 0.1)),
    maxVUs: Math.max(20, Math.min(2_000, Math.ceil(perSecond))),
  };
}

/**
 * k6 takes whole numbers of iterations for whole units of time.
 *
 * @param {number} perSecond
 */
export function perMinute(perSecond) {
  return { rate: Math.max(1, Math.round(perSecond * 60)), timeUnit: '1m' };
}

/**
 * The rate itself, as a threshold: what couldn't be sent in time says that it wasn't reached.
 *
 * @param {number} perSecond
 * @param {number} seconds
 */
export function rateReached(perSecond, seconds) {
  return [`count<=${Math.ceil(perSecond * seconds * DROPPED)}`];
}
