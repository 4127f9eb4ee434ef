import { expect, it } from 'vitest';
import { jsonRows } from './rows.ts';
import { eventOf } from './testing/events.ts';

const ID = '019aab00-0000-7000-8000-000000000000';
const TIME = '2026-11-22T12:00:00.000Z';

it('the JSON of rows has times that Postgres reads, and the properties as they were sent', () => {
  const event = eventOf({ id: ID, path: '"\n', properties: '{"b":1,"a":[1e3]}' });
  const row = `{"id":"${ID}","site_id":"site-1","event_type":"page_view","path":"\\"\\n","timestamp":"${TIME}","received_at":"${TIME}","properties":{"b":1,"a":[1e3]}}`;
  expect(jsonRows([event])).toBe(`[${row}]`);
  expect(jsonRows([event, event])).toBe(`[${row},${row}]`);
});
