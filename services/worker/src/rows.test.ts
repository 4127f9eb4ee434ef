import { expect, it } from 'vitest';
import { COPY_STATEMENT, copyRows, jsonRows } from './rows.ts';
import { eventOf } from './testing/events.ts';

const ID = '019aab00-0000-7000-8000-000000000000';
const TIME = '2026-11-22T12:00:00.000Z';

it('a COPY line has a column for each that the statement names, and \\N where there is nothing', () => {
  const columns = COPY_STATEMENT.replace(/^COPY events \((.*)\) FROM STDIN$/, '$1').split(', ');
  const line = copyRows([eventOf({ id: ID, title: '', properties: '{"a":1}' })]);
  expect(line).toBe(
    `${ID}\tsite-1\tpage_view\t/\t${TIME}\t${TIME}${'\t\\N'.repeat(4)}\t${'\t\\N'.repeat(3)}\t{"a":1}\n`,
  );
  expect(line.split('\t')).toHaveLength(columns.length);
});

it.each([
  ['a tab', 'a\tb', 'a\\tb'],
  ['a newline', 'a\nb', 'a\\nb'],
  ['a carriage return', 'a\rb', 'a\\rb'],
  ['a backslash', 'a\\b', 'a\\\\b'],
  ['what COPY takes for null', '\\N', '\\\\N'],
  ['what COPY takes for its end', '\\.', '\\\\.'],
  ['a backslash at the end', 'a\\', 'a\\\\'],
  ['a bar, which separates nothing here', 'a|b', 'a|b'],
  ['quotes', `"'`, `"'`],
  ['an emoji', '😀', '😀'],
])('COPY gets %s so that it means itself', (_, path, escaped) => {
  expect(copyRows([eventOf({ path })]).split('\t')[3]).toBe(escaped);
});

it('COPY gets times as toISOString writes them, whatever was written before', () => {
  const times = [0, -1, 59_999, 86_399_999, 1_769_860_801_023, -62_167_219_200_001, 253_402_300_800_000];
  for (const timestamp of [...times, -8_640_000_000_000_000, 8_640_000_000_000_000]) {
    for (const received_at of times) {
      const written = copyRows([eventOf({ timestamp, received_at })])
        .split('\t')
        .slice(4, 6);
      expect(written).toEqual([new Date(timestamp).toISOString(), new Date(received_at).toISOString()]);
    }
  }
});

it('the JSON of rows has times that Postgres reads, and the properties as they were sent', () => {
  const event = eventOf({ id: ID, path: '"\n', properties: '{"b":1,"a":[1e3]}' });
  const row = `{"id":"${ID}","site_id":"site-1","event_type":"page_view","path":"\\"\\n","timestamp":"${TIME}","received_at":"${TIME}","properties":{"b":1,"a":[1e3]}}`;
  expect(jsonRows([event])).toBe(`[${row}]`);
  expect(jsonRows([event, event])).toBe(`[${row},${row}]`);
});
