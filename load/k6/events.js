/** Events as sites send them: a few sites, pages and people make most of the traffic. */

import { check } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { BATCH, STATS_TARGET, TARGET } from './settings.js';

/** Events that were answered with success, and those that were not. */
const accepted = new Counter('accepted_events');
const refused = new Counter('refused_events');

const SITES = 100;
const PATHS = 2_000;
const USERS = 50_000;
const DAY_MS = 86_400_000;
const JSON_TYPE = { 'content-type': 'application/json' };

/** One event. */
export function newEvent() {
  return {
    site_id: `site-${zipf(SITES)}`,
    event_type: Math.random() < 0.8 ? 'page_view' : 'click',
    path: `/articles/2026/${zipf(PATHS)}`,
    user_id: `user-${zipf(USERS)}`,
    timestamp: new Date().toISOString(),
  };
}

/**
 * Sends one event. Anything but 204 counts as refused.
 *
 * @param {Record<string, string>} [tags] of the request and its check.
 * @returns the answer.
 */
export function sendEvent(tags = {}) {
  const response = http.post(`${TARGET}/event`, JSON.stringify(newEvent()), {
    headers: JSON_TYPE,
    tags: { endpoint: 'event', name: 'POST /event', ...tags },
  });
  (response.status === 204 ? accepted : refused).add(1);
  return response;
}

/** Sends a batch, in which every event must be taken. */
export function sendBatch() {
  const events = Array.from({ length: BATCH }, newEvent);
  const response = http.post(`${TARGET}/events`, JSON.stringify(events), {
    headers: JSON_TYPE,
    tags: { endpoint: 'events', name: 'POST /events' },
  });
  const count = response.status === 202 ? Number(response.json('accepted')) : 0;
  accepted.add(count);
  if (count < BATCH) refused.add(BATCH - count);
  check(response, { 'the whole batch is accepted': () => count === BATCH }, { endpoint: 'events' });
}

/** Asks for a day's report of some site: today's or yesterday's. */
export function askReport() {
  const site = `site-${zipf(SITES)}`;
  const date = new Date(Date.now() - (Math.random() < 0.8 ? 0 : DAY_MS)).toISOString().slice(0, 10);
  const response = http.get(`${STATS_TARGET}/stats?site_id=${site}&date=${date}`, {
    tags: { endpoint: 'stats', name: 'GET /stats' },
  });
  check(
    response,
    {
      'a report of the site that was asked for': () =>
        response.status === 200 &&
        response.json('site_id') === site &&
        Number(response.json('total_views')) >= 0,
    },
    { endpoint: 'stats' },
  );
}

/**
 * From 1 to `most`; k in proportion to 1/k.
 *
 * @param {number} most
 */
function zipf(most) {
  return Math.floor((most + 1) ** Math.random());
}
