import { expect, it } from 'vitest';
import { createEvent } from './contents.ts';
import { Random } from './seed.ts';

it('sends the same events for the same seed', () => {
  const [one, other] = [new Random(42), new Random(42)];
  const paths = (random: Random) =>
    Array.from({ length: 500 }, (_, at) => createEvent(random, 'run', at).expected.path);
  expect(paths(one)).toEqual(paths(other));
});

it('sends every kind of text that COPY, JSON or SQL could trip over', () => {
  const random = new Random(1);
  const sent = Array.from({ length: 5_000 }, (_, at) => createEvent(random, 'run', at));
  const paths = new Set(sent.map(({ expected }) => expected.path));
  for (const wanted of ['', '\\N', '\\.', '/a|b', '/tab\there', '/new\nline', '/back\\slash']) {
    expect(paths).toContain(wanted);
  }
  const bytes = [...paths].map((path) => Buffer.byteLength(path));
  expect(Math.max(...bytes)).toBe(2_000);
  expect(new Set(sent.map(({ eventId }) => eventId)).size).toBe(sent.length);
});
