/** Faults 24 and 26: entries that somebody added to the stream by hand, and dead letters that can't be kept. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { addByHand } from '../backlog.ts';
import { sendBatch } from '../batch-send.ts';
import { givenSystem } from '../given-system.ts';
import { type Load, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { type Random, seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const MEGABYTE = 1_024 * 1_024;

/** A line as ingest writes it, but for what `changed` says. */
function line(changed: Readonly<Record<string, unknown>> = {}): string {
  const [id, now] = [randomUUID(), Date.now()];
  const event = { id, site_id: 's', event_type: 't', path: '/', timestamp: now, received_at: now };
  return JSON.stringify({ ...event, ...changed });
}

/** A line with a value that JSON.stringify wouldn't write. */
function lineWith(field: string, json: string): string {
  return line({ [field]: 'HERE' }).replace('"HERE"', () => json);
}

/** What somebody added: fields of an entry by what is wrong with it. */
const POISONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no field of ours': { hello: 'world' },
  'a field __proto__': JSON.parse('{"__proto__":"{}","n":"1"}'),
  'not JSON': { n: '1', events: '{"site_id":' },
  'no object': { n: '1', events: '7' },
  'no id': { n: '1', events: line({ id: 'x' }) },
  'a NUL in a text': { n: '1', events: line({ site_id: 'a\0b' }) },
  'a NUL in the properties': { n: '1', events: line({ properties: { a: '\0' } }) },
  'a NUL between the lines': { n: '1', events: '\0' },
  'a lone surrogate in the properties': { n: '1', events: lineWith('properties', '{"a":"\\ud800"}') },
  'a lone surrogate in an indexed text': { n: '1', events: lineWith('path', '"\\udfff"') },
  'a depth of 10,000': { n: '1', events: lineWith('properties', '[['.repeat(5_000) + ']]'.repeat(5_000)) },
  'a depth that JSON.stringify can do and jsonb cannot': {
    n: '1',
    events: lineWith('properties', '['.repeat(7_000) + ']'.repeat(7_000)),
  },
  'a time of 1e400': { n: '1', events: lineWith('timestamp', '1e400') },
  'a time that no Date holds': { n: '1', events: line({ timestamp: 9e15 }) },
  'a time of the year 275760': { n: '1', events: line({ timestamp: 8.64e15 }) },
  'a path of 10 MB': { n: '1', events: line({ path: randomUUID().repeat((10 * MEGABYTE) / 36) }) },
};
