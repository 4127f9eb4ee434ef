/**
 * Whom the events are about: how many sites, paths and users there are, and how evenly they are met.
 *
 * Everything drawn comes from a seed, so that Sluice and its yardsticks get the same events.
 */
import { parseEvent, type SluiceEvent } from '@sluice/event/event';

export interface Population {
  readonly sites: number;
  /** Of each site. */
  readonly paths: number;
  readonly users: number;
  /** `zipf`: the k-th site, path and user is met in proportion to 1/k. */
  readonly shape: 'even' | 'zipf';
  /** In words. */
  readonly label: string;
}

/** Nearly every event brings a visitor that its site hasn't seen that day. */
export const HIGH_CARDINALITY: Population = {
  sites: 100,
  paths: 2_000,
  users: 500_000,
  shape: 'even',
  label: 'high cardinality',
};
/** A few sites, pages and people make most of the traffic. */
export const TYPICAL: Population = { ...HIGH_CARDINALITY, shape: 'zipf', label: 'typical' };

/** What a tracker or a server sends. */
export interface ClientEvent {
  readonly site_id: string;
  readonly event_type: string;
  readonly path: string;
  readonly user_id: string;
  readonly timestamp: string;
}

/** Of 20 events 16 are page views, 3 clicks and 1 a sign-up. */
const TYPES = [...Array<string>(16).fill('page_view'), 'click', 'click', 'click', 'signup'];

/** `count` events that happened now, without end when it is absent. */
export function* clientEvents(
  population: Population,
  seed: number,
  count = Number.POSITIVE_INFINITY,
): Generator<ClientEvent> {
  const random = mulberry32(seed);
  const rank = population.shape === 'zipf' ? zipf : even;
  for (let left = count; left > 0; left -= 1) {
    yield {
      site_id: `site-${rank(random(), population.sites)}`,
      event_type: TYPES[Math.floor(random() * TYPES.length)] as string,
      path: `/articles/2026/${rank(random(), population.paths)}`,
      user_id: `user-${rank(random(), population.users)}`,
      timestamp: new Date().toISOString(),
    };
  }
}

/** The same as ingest would put them into the stream, without the HTTP. */
export function* acceptedEvents(population: Population, seed: number, count: number): Generator<SluiceEvent> {
  for (const event of clientEvents(population, seed, count)) {
    const parsed = parseEvent(event, Date.now(), 0);
    if (!parsed.ok) throw new Error(`the bench's own event was refused: ${parsed.error}`);
    yield parsed.event;
  }
}

/** JSON bodies of `POST /event`, or of `POST /events` when a body has more than one event. */
export function bodies(population: Population, seed: number, count: number, batch: number): string[] {
  const events = clientEvents(population, seed);
  return Array.from({ length: count }, () => {
    if (batch === 1) return JSON.stringify(events.next().value);
    return JSON.stringify(Array.from({ length: batch }, () => events.next().value));
  });
}

function even(random: number, most: number): number {
  return 1 + Math.floor(random * most);
}

/** From 1 to `most`; k in proportion to 1/k, by the inverse of its distribution, which is the logarithm. */
function zipf(random: number, most: number): number {
  return Math.floor((most + 1) ** random);
}

/** 32 bits of state: enough to choose test data by. @returns what answers numbers from 0 up to, but not, 1. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
