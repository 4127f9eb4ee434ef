import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPTIONAL_TEXTS, parseEvent } from './event.ts';
import { accepted, RECEIVED_AT, refused } from './testing/parsing.ts';

/** The most characters of each text, as the contract says. */
const MAX_CHARACTERS = {
  site_id: 64,
  event_type: 64,
  user_id: 128,
  event_id: 128,
  url: 2_000,
  referrer: 2_000,
  title: 500,
  hostname: 253,
  language: 35,
  screen: 20,
};
const TEXTS = Object.entries(MAX_CHARACTERS);
const NOT_TEXTS = [0, 1, true, false, [], ['a'], {}, { a: 1 }];

describe('an event', () => {
  it('with only what is required gets an id, the empty path and the time of receipt', () => {
    const { id, ...rest } = accepted({});
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(rest).toEqual({
      site_id: 'site-1',
      event_type: 'page_view',
      path: '',
      timestamp: RECEIVED_AT,
      received_at: RECEIVED_AT,
    });
  });

  it('keeps every field that a client may send', () => {
    const fields = {
      path: '/a?b=c',
      user_id: 'u',
      event_id: 'e',
      url: 'https://example.com/a?b=c',
      referrer: 'https://example.org/',
      title: 'A',
      hostname: 'example.com',
      language: 'de-CH',
      screen: '1920x1080',
    };
    expect(accepted({ ...fields, properties: { plan: 'pro' } })).toMatchObject({
      ...fields,
      properties: '{"plan":"pro"}',
    });
  });

  it('ignores fields that it does not know, and its own words when a client sends them', () => {
    const event = accepted({ colour: 'red', id: 'mine', received_at: 1 });
    expect(event).not.toHaveProperty('colour');
    expect(event.id).not.toBe('mine');
    expect(event.received_at).toBe(RECEIVED_AT);
  });

  it('takes nothing from a __proto__ in the JSON and leaves no trace of one', () => {
    const given = JSON.parse(
      '{"site_id":"s","event_type":"e","__proto__":{"user_id":"evil","polluted":true},"constructor":1}',
    ) as object;
    const parsed = parseEvent(given, RECEIVED_AT, 0);
    expect(parsed).toMatchObject({ ok: true, event: { site_id: 's' } });
    expect(parsed).not.toHaveProperty('event.user_id');
    expect({}).not.toHaveProperty('polluted');
  });

  it.each(['site_id', 'event_type'])('without %s is refused in the words of the original', (field) => {
    for (const absent of [undefined, null, '']) {
      expect(refused({ [field]: absent })).toEqual({
        refusal: 'missing_required',
        field,
        error: 'site_id and event_type required',
      });
    }
  });

  it.each([...OPTIONAL_TEXTS, 'path'])('takes %s as absent when it is null or empty', (field) => {
    for (const absent of [undefined, null, '']) {
      const event = accepted({ [field]: absent });
      if (field === 'path') expect(event.path).toBe('');
      else expect(event).not.toHaveProperty(field);
    }
  });
});

describe.each(TEXTS)('%s', (field, max) => {
  const tooLong = { refusal: 'invalid_field', field, error: `${field} must have at most ${max} characters` };

  it.each([
    ['ASCII', 'a'],
    ['two-byte letters', 'é'],
    ['emoji, each of which is two UTF-16 units', '😀'],
    ['lone surrogates', '\udead'],
  ])(`may have ${max} characters and no more: %s`, (_, character) => {
    expect(accepted({ [field]: character.repeat(max) })).toHaveProperty(
      field,
      character.repeat(max).toWellFormed(),
    );
    expect(refused({ [field]: character.repeat(max + 1) })).toEqual(tooLong);
    expect(refused({ [field]: character.repeat(3 * max) })).toEqual(tooLong);
  });

  it.each(NOT_TEXTS)('must not be %j', (value) => {
    const error = `${field} must be a string`;
    expect(refused({ [field]: value })).toEqual({ refusal: 'invalid_field', field, error });
  });

  it('must not contain a NUL, and is made well-formed', () => {
    const error = `${field} must not contain a NUL character`;
    expect(refused({ [field]: 'a\0b' })).toEqual({ refusal: 'invalid_field', field, error });
    expect(accepted({ [field]: 'a\ud800b' })).toHaveProperty(field, 'a\ufffdb');
  });
});

describe('path', () => {
  const tooLong = { refusal: 'invalid_field', field: 'path', error: 'path must have at most 2000 bytes' };

  it.each([
    ['one', 'a', 2_000],
    ['two', 'é', 1_000],
    ['three', '€', 666],
    ['four', '😀', 500],
    ['three, once it is U+FFFD', '\udead', 666],
  ])('may have 2,000 bytes and no more, in characters of %s', (_, character, count) => {
    const longest = '/'.repeat(2_000 - Buffer.byteLength(character) * count) + character.repeat(count);
    expect(accepted({ path: longest }).path).toBe(longest.toWellFormed());
    expect(refused({ path: `${longest}/` })).toEqual(tooLong);
  });

  it.each(NOT_TEXTS)('must not be %j', (path) => {
    expect(refused({ path })).toMatchObject({ field: 'path', error: 'path must be a string' });
  });

  it('must not contain a NUL, and is made well-formed', () => {
    expect(refused({ path: '/\0' })).toMatchObject({ error: 'path must not contain a NUL character' });
    expect(accepted({ path: '/\udfff' }).path).toBe('/\ufffd');
  });
});

describe('properties of an event', () => {
  it('are absent when null, missing or empty', () => {
    for (const properties of [undefined, null, {}])
      expect(accepted({ properties })).not.toHaveProperty('properties');
  });

  it('are refused with the field and the limit that they pass', () => {
    expect(refused({ properties: [] })).toEqual({
      refusal: 'invalid_field',
      field: 'properties',
      error: 'properties must be an object',
    });
  });
});

it('whatever the field, whatever the JSON: an answer, never an exception', () => {
  const fields = ['site_id', 'event_type', 'path', 'timestamp', 'properties', ...OPTIONAL_TEXTS];
  const reasons = ['missing_required', 'invalid_field', 'invalid_timestamp', 'too_old'];
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  const value = fc.oneof(fc.jsonValue({ stringUnit: 'binary' }), text, fc.double(), fc.constant('a\0'));
  const input = fc.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string()), value);
  fc.assert(
    fc.property(input, (given) => {
      const parsed = parseEvent(given, RECEIVED_AT, 0);
      if (!parsed.ok) {
        expect(reasons).toContain(parsed.refusal);
        expect(fields).toContain(parsed.field);
        expect(parsed.error).toContain(
          parsed.refusal === 'missing_required' ? 'site_id and event_type' : parsed.field,
        );
      }
    }),
    { numRuns: 300 },
  );
});
