import { expect, it } from 'vitest';
import { COPY_STATEMENT, copyRows } from './copy-rows.ts';
import { eventOf } from './testing/events.ts';

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = 'ffff';
const NULL = 'ffffffff';

const written = (...events: Parameters<typeof copyRows>[0][]) =>
  Buffer.concat(events.flatMap((some) => [...copyRows(some)]));

it('no rows are a header and an end', () => {
  expect(written([])).toEqual(Buffer.concat([HEADER, Buffer.from(END, 'hex')]));
});

it('a row has a column for each that the statement names, and a length of -1 where there is nothing', () => {
  const columns = /\((.*)\) FROM/.exec(COPY_STATEMENT)?.[1]?.split(', ');
  expect(columns).toHaveLength(15);
  const event = eventOf({
    id: '019aab00-1234-7000-8000-00000000abcd',
    site_id: 'é',
    timestamp: Date.UTC(2000, 0) + 1,
    received_at: Date.UTC(2000, 0) - 1,
    title: '',
    properties: '{"a":1}',
  });
  const row = written([event]).subarray(HEADER.length).toString('hex');
  expect(row).toBe(
    [
      '000f',
      '00000010019aab0012347000800000000000abcd',
      '00000002c3a9',
      `00000009${Buffer.from('page_view').toString('hex')}`,
      '000000012f',
      '0000000800000000000003e8',
      '00000008fffffffffffffc18',
      NULL.repeat(4),
      '00000000',
      NULL.repeat(3),
      `0000000801${Buffer.from('{"a":1}').toString('hex')}`,
      END,
    ].join(''),
  );
});

it('rows come in parts, each made when it is asked for', () => {
  let asked = 0;
  function* events() {
    for (; asked < 10_000; asked += 1) yield eventOf();
  }
  const parts = copyRows(events());
  const first = parts.next().value as Buffer;
  expect(asked).toBeLessThan(5_000);
  const all = [first, ...parts];
  expect(asked).toBe(10_000);
  expect(all.length).toBeGreaterThan(3);
  for (const part of all) expect(part.length).toBeLessThan(300_000);
});
