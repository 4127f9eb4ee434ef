import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlain, parseJson } from './json.ts';

describe('a key with an escape is itself, whatever was read before:', () => {
  it.each([
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\u0001',
    '\\u005c',
    '\\u005C',
    'a\\nb',
  ])('%s', (escaped) => {
    for (const before of ['\\\\', 'a\\\\', '\\u005c']) parseJson(`{"h":[],"${before}":0}`);
    const [expected] = JSON.parse(`["${escaped}"]`) as [string];
    expect(Object.entries(parseJson(`{"h":1,"${escaped}":{"${escaped}":2}}`) as object)).toEqual([
      ['h', 1],
      [expected, { [expected]: 2 }],
    ]);
  });
});

it('reads what JSON.stringify writes', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom('\\', '"', '\n', 'n', 'u', '0', '5', 'c', 'e', '\ue000', '\ue001', '\0', '😀'),
      fc.nat(0xffff).map((code) => String.fromCharCode(code)),
    ),
    maxLength: 8,
  });
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.constantFrom(null, true, 0, 1.5, -1e300),
      fc.array(tie('value')),
      fc.dictionary(text, tie('value'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (any) => {
      expect(JSON.stringify(parseJson(JSON.stringify(any)))).toBe(JSON.stringify(any));
    }),
    { numRuns: 1_000 },
  );
});

it('keeps __proto__ a key like others', () => {
  const read = parseJson('{"__proto__":{"a":"\\\\"}}') as object;
  expect(Object.entries(read)).toEqual([['__proto__', { a: '\\' }]]);
});

it('reads what is as deep as a body can be', () => {
  const levels = 2_000_000;
  const read = parseJson(`{"a":"\\\\","deep":${'['.repeat(levels)}"\\\\"${']'.repeat(levels)}}`) as {
    deep: unknown;
  };
  let inner = read.deep;
  for (let level = 0; level < levels; level += 1) [inner] = inner as [unknown];
  expect(inner).toBe('\\');
});

it('takes nothing that is not JSON', () => {
  for (const text of ['', '\\\\', '{\\\\:0}', '{"a":"\\\\}', '"\\x"', '"\\\\"\\\\']) {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  }
});

it('calls no text plain with a string in it that needs an escape', () => {
  for (const string of ['"', '\\', '/\n', 'a\0', '\x1f', '\ud800', '\udc00b']) {
    expect(isPlain(JSON.stringify([string]))).toBe(false);
  }
  expect(isPlain('["\ud800"]')).toBe(false);
  for (const string of ['', 'a/b', '\x7f\u2028é', '😀']) expect(isPlain(JSON.stringify([string]))).toBe(true);
});
