/**
 * Bodies that a client might send by mistake or by malice, as fast-check draws them, and the row that
 * each must become if it is taken. Which are taken is for the API's own tests; nothing here knows.
 */
import { parseJson } from '@sluice/event/json';
import fc from 'fast-check';
import type { ExpectedRow } from './contents.ts';

const TEXTS = ['user_id', 'url', 'referrer', 'title', 'hostname', 'language', 'screen'] as const;
const DAY_MS = 86_400_000;
/** With the rest of an event under the 64 KiB that a body may have. */
const DEEPEST = 10_000;

/** Any UTF-16 units, halves of characters too. */
const unit = fc.oneof(
  fc.constantFrom('\0', '\ud800', '\udfff', '\u2028', '\\', '"', '\t', '\n', '🦆', 'é', '__proto__'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const anyText = fc.array(unit, { maxLength: 12 }).map((units) => units.join(''));
const shortText = fc.oneof({ weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 20 }) }, anyText);
const anyJson = fc.oneof(
  fc.json({ stringUnit: 'binary' }),
  fc.constantFrom('null', 'true', '0', '-0', '1e400', '-1e999', '5e-324', '""', '{}', '[]', '1E+2'),
);
const deepJson = fc
  .integer({ min: 1, max: DEEPEST })
  .map((levels) => '['.repeat(levels) + ']'.repeat(levels));
const usualTime = fc.date({ min: new Date(0), max: new Date(Date.now() - DAY_MS), noInvalidDate: true });
const aheadTime = fc.date({
  min: new Date(Date.now() + DAY_MS),
  max: new Date(8.64e15),
  noInvalidDate: true,
});
const timeJson = fc.oneof(
  usualTime.map((date) => JSON.stringify(date)),
  fc.oneof(usualTime, aheadTime).map((date) => String(date.getTime())),
  usualTime.map((date) => String(date.getTime() + 0.5)),
  fc.constantFrom('""', 'null', '"yesterday"', '-1', '0', '1e15'),
);
const propertiesJson = fc.oneof(
  fc
    .dictionary(anyText, fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }))
    .map((value) => JSON.stringify(value)),
  fc.constant('{"__proto__":{"polluted":true},"constructor":1,"a":1,"a":2}'),
  deepJson.map((json) => `{"deep":${json}}`),
);

/** A field as it stands in a body: its name and its value, both as JSON text. */
const field = (name: fc.Arbitrary<string>, json: fc.Arbitrary<string>) =>
  fc.tuple(
    name.map((text) => JSON.stringify(text)),
    json,
  );
const named = (name: string, ...usual: fc.Arbitrary<string>[]) =>
  field(fc.constant(name), fc.oneof({ weight: 12, arbitrary: fc.oneof(...usual) }, anyJson));
const quoted = (text: fc.Arbitrary<string>) => text.map((each) => JSON.stringify(each));

const optionalField = fc.oneof(
  ...TEXTS.map((name) => named(name, quoted(shortText))),
  named('path', quoted(shortText)),
  named(
    'event_id',
    fc.uuid({ version: 7 }).map((id) => JSON.stringify(id)),
    quoted(fc.uuid()),
  ),
  named('timestamp', timeJson),
  named('properties', propertiesJson),
  field(fc.constantFrom('__proto__', 'constructor', 'toString', ''), anyJson),
  field(anyText, fc.oneof(anyJson, deepJson)),
);
/** The fields twice over now and then: the last of a name counts, as JSON.parse has it. */
const eventJson = fc
  .tuple(
    named('site_id', quoted(shortText)),
    named('event_type', quoted(shortText)),
    fc.array(optionalField, { maxLength: 8 }),
  )
  .chain(([site, type, rest]) => fc.shuffledSubarray([site, type, ...rest], { minLength: rest.length + 2 }))
  .map((fields) => `{${fields.map(([name, json]) => `${name}:${json}`).join(',')}}`);

/** A body of `POST /event`, mostly nearly an event. */
export const anyBody: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: eventJson },
  fc.json(),
  anyText,
  deepJson,
);

/** The row of a body that was taken. */
export function rowOfBody(body: string): ExpectedRow {
  const given = parseJson(body) as Readonly<Record<string, unknown>>;
  const texts: Record<string, string | null> = {};
  for (const name of ['event_id', ...TEXTS]) texts[name] = textIn(given[name]);
  return {
    site_id: textIn(given['site_id']) ?? '',
    event_type: textIn(given['event_type']) ?? '',
    path: textIn(given['path']) ?? '',
    timestamp: timeIn(given['timestamp']),
    properties: propertiesIn(given['properties']),
    texts,
  };
}

function textIn(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
}

function timeIn(value: unknown): number | 'receipt' {
  if (value === undefined || value === null || value === '') return 'receipt';
  const time = typeof value === 'number' ? Math.trunc(value) : Date.parse(value as string);
  return time > Date.now() ? 'receipt' : time;
}

function propertiesIn(value: unknown): unknown {
  if (value === undefined || value === null || Object.keys(value).length === 0) return null;
  // Through JSON once more: -0 becomes 0.
  return parseJson(JSON.stringify(wellFormed(value)));
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.toWellFormed(), wellFormed(each)]),
  );
}
