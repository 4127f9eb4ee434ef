import { expect, it } from 'vitest';
import { fill } from './fill.ts';
import { plotSvg } from './plot.ts';

it('a place is filled anew each time, and the words around it stay', () => {
  const page = 'before\n<!-- bench:table -->\n<!-- /bench:table -->\nafter\n';
  const filled = fill(fill(page, 'table', 'one'), 'table', 'two');
  expect(filled).toBe('before\n<!-- bench:table -->\n\ntwo\n\n<!-- /bench:table -->\nafter\n');
  expect(() => fill(page, 'plots', '')).toThrow('bench:plots');
});

it('a plot has every line with its name, inside its frame', () => {
  const svg = plotSvg({
    title: 'a < b',
    x: { label: 'rows', scale: 'log' },
    y: { label: 'ms', scale: 'linear' },
    lines: [
      {
        label: 'one',
        points: [
          [1, 0],
          [1_000, 7],
        ],
      },
      {
        label: 'two',
        points: [
          [1, 3],
          [1_000, 7],
        ],
      },
    ],
  });
  expect(svg).toContain('a &lt; b');
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  const places = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  expect(places).toHaveLength(4);
  for (const [x = 0, y = 0] of places) {
    expect(x).toBeGreaterThanOrEqual(72);
    expect(x).toBeLessThanOrEqual(570);
    expect(y).toBeGreaterThanOrEqual(44);
    expect(y).toBeLessThanOrEqual(328);
  }
  const names = [...svg.matchAll(/y="([\d.]+)" style/g)].map(([, y]) => Number(y));
  expect(Math.abs((names[0] ?? 0) - (names[1] ?? 0))).toBeGreaterThanOrEqual(16);
});
