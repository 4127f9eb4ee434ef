import { describe, expect, it } from 'vitest';
import { acceptBatch, acceptEvent, receiptOf } from './accept.ts';

const RECEIPT = { receivedAt: Date.UTC(2026, 10, 22, 12), oldest: 0 };
const EVENT = '{"site_id":"s","event_type":"e"}';
const INVALID_JSON = { ok: false, reason: 'invalid_json', error: 'invalid json' };

/** How many events of a batch were taken, and the place and reason of each other. */
function batch(body: string) {
  const accepted = acceptBatch(body, RECEIPT);
  if (!accepted.ok) return accepted.reason;
  return {
    taken: accepted.lines.length,
    rejected: accepted.rejected.map(({ index, reason }) => `${index} ${reason}`),
  };
}

describe('one event', () => {
  it('becomes a line', () => {
    const accepted = acceptEvent(EVENT, RECEIPT);
    expect(accepted).toMatchObject({ ok: true, line: expect.stringContaining('"site_id":"s"') });
  });

  it.each([
    '',
    ' ',
    '{',
    'null',
    'true',
    '7',
    '"text"',
    '[]',
    `[${EVENT}]`,
    `${EVENT}${EVENT}`,
    '{"a":NaN}',
    `\ufeff${EVENT}`,
  ])('is not in %j', (body) => {
    expect(acceptEvent(body, RECEIPT)).toEqual(INVALID_JSON);
  });

  it.each([
    ['{}', { reason: 'missing_required', error: 'site_id and event_type required' }],
    ['{"site_id":1,"event_type":"e"}', { reason: 'invalid_field', field: 'site_id' }],
    [EVENT.replace('}', ',"timestamp":"x"}'), { reason: 'invalid_timestamp', field: 'timestamp' }],
  ])('is refused with its reason: %s', (body, refusal) => {
    expect(acceptEvent(body, RECEIPT)).toMatchObject({ ok: false, ...refusal });
  });

  it('is refused when it is older than the retention', () => {
    const at = (daysAgo: number) =>
      acceptEvent(
        JSON.stringify({
          site_id: 's',
          event_type: 'e',
          timestamp: RECEIPT.receivedAt - daysAgo * 86_400_000,
        }),
        receiptOf(RECEIPT.receivedAt, 30),
      );
    expect(at(30)).toMatchObject({ ok: true });
    expect(at(30.001)).toMatchObject({ ok: false, reason: 'too_old' });
    expect(receiptOf(RECEIPT.receivedAt, 0).oldest).toBe(0);
  });
});

describe('a batch', () => {
  it.each([
    ['an array', `[${EVENT},${EVENT}]`, 2],
    ['an array with white space around it', ` \n\t[${EVENT}]\n`, 1],
    ['one line', EVENT, 1],
    ['lines', `${EVENT}\n${EVENT}`, 2],
    ['lines with blank ones between and after them', `\n${EVENT}\n \n\r\n${EVENT}\n\n`, 2],
    ['lines ended by CRLF', `${EVENT}\r\n${EVENT}\r\n`, 2],
  ])('may be %s', (_, body, taken) => {
    expect(batch(body)).toEqual({ taken, rejected: [] });
  });

  it.each(['', ' \n\t', '[]', '[ ]'])('must not be empty: %j', (body) => {
    expect(batch(body)).toBe('empty_batch');
  });

  it.each(['[', `[${EVENT}`, `[${EVENT},]`, `[${EVENT}]x`, '[1]\n{}'])(
    'that is half an array is refused: %s',
    (body) => {
      expect(acceptBatch(body, RECEIPT)).toEqual(INVALID_JSON);
    },
  );

  it('names each event that is not taken by its place, and takes the others', () => {
    const bad = [
      'null',
      '[]',
      '{}',
      EVENT.replace('}', ',"path":1}'),
      EVENT.replace('}', ',"timestamp":true}'),
    ];
    const rejected = [
      '1 invalid_json',
      '2 invalid_json',
      '3 missing_required',
      '4 invalid_field',
      '5 invalid_timestamp',
    ];
    expect(batch(`[${[EVENT, ...bad, EVENT].join()}]`)).toEqual({ taken: 2, rejected });
    expect(batch([EVENT, ...bad, EVENT].join('\n'))).toEqual({ taken: 2, rejected });
  });

  it('counts places without the blank lines', () => {
    expect(batch(`\n${EVENT}\n\n{"half\n${EVENT}`)).toEqual({ taken: 2, rejected: ['1 invalid_json'] });
  });

  it('may have 5,000 events and no more', () => {
    const events = (count: number) => Array.from({ length: count }, () => EVENT);
    for (const bodyOf of [
      (count: number) => `[${events(count).join()}]`,
      (count: number) => events(count).join('\n'),
    ]) {
      expect(batch(bodyOf(5_000))).toEqual({ taken: 5_000, rejected: [] });
      expect(batch(bodyOf(5_001))).toBe('too_many_events');
    }
  });
});
