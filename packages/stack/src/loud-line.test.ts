import { expect, test } from 'vitest';
import { isLoud } from './loud-line.ts';

test.each([
  '{"level":40,"msg":"slow"}',
  '{"level":60,"msg":"gone"}',
  '{"level":"error","msg":"gone"}',
  'Error: Cannot find module',
  '{ not: json',
  '{"message":"no level"}',
])('%s is for the terminal', (line) => {
  expect(isLoud(line)).toBe(true);
});

test.each(['{"level":30,"msg":"listening"}', '{"level":"info"}', '', '   '])(
  '"%s" is for the file alone',
  (line) => {
    expect(isLoud(line)).toBe(false);
  },
);
