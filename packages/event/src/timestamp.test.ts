import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, RECEIVED_AT } from './testing/parsing.ts';
import { parseTimestamp } from './timestamp.ts';

const OLDEST = RECEIVED_AT - 30 * DAY_MS;
const parse = (value: unknown, oldest = 0) => parseTimestamp(value, RECEIVED_AT, oldest);
const asSent = (value: unknown) => {
  const parsed = parse(value);
  return parsed.ok && parsed.asSent !== undefined ? new Date(parsed.asSent).toISOString() : undefined;
};

describe('a timestamp', () => {
  it.each([[undefined], [null], ['']])('of %j means the time of receipt', (absent) => {
    expect(parse(absent)).toEqual({ ok: true, timestamp: RECEIVED_AT, asSent: undefined });
  });

  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31t12:00:00z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00-00:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31T12:00:00-23:59', '2026-02-01T11:59:00.000Z'],
    ['2026-01-31T12:00:00.1Z', '2026-01-31T12:00:00.100Z'],
    ['2026-01-31T12:00:00.123456789+05:30', '2026-01-31T06:30:00.123Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.000Z'],
    ['2016-12-31T23:59:60.5+00:00', '2016-12-31T23:59:59.500Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ])('may be RFC 3339: %s', (text, meant) => {
    expect(asSent(text)).toBe(meant);
  });

  it.each([
    [1_769_860_800_000, '2026-01-31T12:00:00.000Z'],
    [1_769_860_800_000.9, '2026-01-31T12:00:00.000Z'],
    [100_000_000_000, '1973-03-03T09:46:40.000Z'],
  ])('may be epoch milliseconds: %d', (number, meant) => {
    expect(asSent(number)).toBe(meant);
  });

  it.each([
    'yesterday',
    '2026-01-31',
    '2026-01-31T12:00Z',
    '2026-01-31T12:00:00',
    '2026-01-31T12:00:00+0200',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00.Z',
    '2026-01-31T12:00:00.1234567890Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:61Z',
    '2026-02-29T12:00:00Z',
    '1900-02-29T12:00:00Z',
    '2026-04-31T12:00:00Z',
    '2026-01-00T12:00:00Z',
    '2026-00-01T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '+002026-01-31T12:00:00Z',
    ' 2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00Z\n',
    '1769860800000',
    99_999_999_999,
    1_769_860_800,
    253_402_300_800_000,
    -1,
    0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    true,
    [],
    {},
  ])('must not be %j', (value) => {
    expect(parse(value)).toMatchObject({
      ok: false,
      refusal: 'invalid_timestamp',
      error: expect.stringContaining('RFC 3339'),
    });
  });

  it('may be a minute ahead; further ahead it becomes the time of receipt, and what was sent is kept', () => {
    const inAMinute = RECEIVED_AT + 60_000;
    expect(parse(inAMinute)).toEqual({ ok: true, timestamp: inAMinute, asSent: inAMinute });
    expect(parse(inAMinute + 1)).toEqual({ ok: true, timestamp: RECEIVED_AT, asSent: inAMinute + 1 });
    expect(parse(253_402_300_799_999)).toMatchObject({ ok: true, timestamp: RECEIVED_AT });
    expect(parse('9999-12-31T23:59:59-23:59')).toMatchObject({ ok: true, timestamp: RECEIVED_AT });
  });

  it('may be as old as the retention and no older', () => {
    expect(parse(OLDEST, OLDEST)).toMatchObject({ ok: true, timestamp: OLDEST });
    expect(parse(OLDEST - 1, OLDEST)).toEqual({
      ok: false,
      refusal: 'too_old',
      error: 'timestamp is older than what is kept',
    });
    expect(parse('1969-12-31T23:59:59.999Z')).toMatchObject({ ok: false, refusal: 'too_old' });
    expect(parse('0000-01-01T00:00:00Z')).toMatchObject({ ok: false, refusal: 'too_old' });
  });
});

/** Text that toISOString writes, or nearly: one character may be another. */
const nearlyIso = fc
  .tuple(
    fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    }),
    fc.nat(23),
    fc.option(fc.constantFrom('0', '2', '3', '6', '9', ' ', 'T', 'Z', '-', '.', 'x')),
  )
  .map(([date, at, other]) => {
    const text = date.toISOString();
    return other === null ? text : text.slice(0, at) + other + text.slice(at + 1);
  });

it('means the same whatever was read before it', () => {
  fc.assert(
    fc.property(fc.array(nearlyIso, { minLength: 2, maxLength: 5 }), (texts) => {
      for (const text of texts) {
        // Nanoseconds take it off the short way.
        const long = parse(`${text.slice(0, -1)}000${text.slice(-1)}`, Number.NEGATIVE_INFINITY);
        expect(parse(text, Number.NEGATIVE_INFINITY)).toEqual(long);
      }
    }),
    { numRuns: 2_000 },
  );
});
