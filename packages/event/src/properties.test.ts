import { describe, expect, it } from 'vitest';
import { checkProperties } from './properties.ts';

const MAX_BYTES = 16 * 1_024;

/** `depth` objects or arrays, the outermost being the properties themselves. */
function nested(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 1; level < depth; level += 1) value = wrap(value);
  return { a: value };
}

function keys(count: number) {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
}

/** Properties whose JSON text has exactly `bytes` bytes, filled with `character`. */
function ofBytes(bytes: number, character: string): object {
  const room = bytes - Buffer.byteLength('{"a":""}');
  const count = Math.floor(room / Buffer.byteLength(character));
  return { a: character.repeat(count) + 'x'.repeat(room - count * Buffer.byteLength(character)) };
}

const json = (text: string) => checkProperties(JSON.parse(text));
const refused = (problem: string) => ({ ok: false, problem });

describe('properties', () => {
  it('become their JSON text, whatever values they hold', () => {
    const text = '{"s":"é😀","n":-1.5e-7,"t":true,"f":false,"z":null,"a":[1,[2]],"o":{"p":{}},"":""}';
    expect(json(text)).toEqual({ ok: true, json: JSON.stringify(JSON.parse(text)) });
  });

  it.each([[[]], [[{}]], ['text'], [''], [0], [1], [true], [false]])('must not be %j', (value) => {
    expect(checkProperties(value)).toEqual(refused('must be an object'));
  });

  it('may have 64 keys and no more', () => {
    expect(checkProperties(keys(64))).toMatchObject({ ok: true });
    expect(checkProperties(keys(65))).toEqual(refused('must have at most 64 keys'));
    expect(checkProperties({ inner: keys(65) })).toMatchObject({ ok: true });
  });

  it.each([
    ['objects', (inner: unknown) => ({ a: inner })],
    ['arrays', (inner: unknown) => [inner]],
  ])('may have 8 levels and no more, of %s', (_, wrap) => {
    expect(checkProperties(nested(8, wrap))).toMatchObject({ ok: true });
    expect(checkProperties(nested(9, wrap))).toEqual(refused('must have at most 8 levels'));
    expect(checkProperties(nested(10_000, wrap))).toEqual(refused('must have at most 8 levels'));
  });

  it.each(['x', 'é', '€', '😀'])('may have 16 KiB as JSON and no more, filled with %s', (character) => {
    expect(checkProperties(ofBytes(MAX_BYTES, character))).toMatchObject({ ok: true });
    expect(checkProperties(ofBytes(MAX_BYTES + 1, character))).toEqual(
      refused('must have at most 16384 bytes as JSON'),
    );
  });

  it.each(['{"a":1e400}', '{"a":[{"b":-1e400}]}'])('must not hold a number beyond a double: %s', (text) => {
    expect(json(text)).toEqual(refused('must not contain a number beyond a double'));
  });

  it.each(['{"a":"\\u0000"}', '{"\\u0000":1}', '{"a":[{"b\\u0000":1}]}', '{"a":["\\u0000"]}'])(
    'must not hold a NUL, in a key or a value: %s',
    (text) => {
      expect(json(text)).toEqual(refused('must not contain a NUL character'));
    },
  );

  it('are made well-formed, keys and values at every level', () => {
    expect(json('{"\\ud800":"\\udfffx","a":[{"b\\udc00":["\\ud83d"]}],"e":"\\ud83d\\ude00"}')).toEqual({
      ok: true,
      json: '{"\ufffd":"\ufffdx","a":[{"b\ufffd":["\ufffd"]}],"e":"😀"}',
    });
  });

  it('keep a text that only looks like an escaped surrogate', () => {
    expect(json('{"a":"\\\\ud800"}')).toEqual({ ok: true, json: '{"a":"\\\\ud800"}' });
  });

  it.each([
    '{"__proto__":{"a":1}}',
    '{"__proto__":{"a":"\\ud800"}}',
    '{"constructor":{"prototype":{"a":1}}}',
  ])('keep %s a plain key', (text) => {
    expect(json(text)).toEqual({ ok: true, json: text.replace('\\ud800', '\ufffd') });
    expect({}).not.toHaveProperty('a');
  });
});
