/** Figures as rows of text: for a terminal, and for a page in Markdown. */
import { type Figure, ratioOf, verdictOf } from './figure.ts';

const HEADER = [
  'scenario',
  'figure',
  'measured',
  'yardstick in the same run',
  'ratio',
  'target',
  '',
] as const;
/** Columns of numbers, which end at the same place. */
const RIGHT: ReadonlySet<number> = new Set([2, 4, 5]);

/** Columns padded with blanks. */
export function textTable(figures: readonly Figure[]): string {
  const rows = [HEADER.map(String), ...figures.map(cellsOf)];
  const widths = HEADER.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (RIGHT.has(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const [header = '', ...body] = lines;
  return [header, '─'.repeat(Math.max(...lines.map(({ length }) => length))), ...body].join('\n');
}

/** A table of GitHub's Markdown. */
export function markdownTable(figures: readonly Figure[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = HEADER.map((_, at) => (RIGHT.has(at) ? '---:' : '---'));
  return [line(HEADER), line(rule), ...figures.map((figure) => line(cellsOf(figure)))].join('\n');
}

function cellsOf(figure: Figure): string[] {
  const { scenario, name, value, unit, yardstick, target } = figure;
  const ratio = ratioOf(figure);
  return [
    scenario,
    name,
    `${rounded(value)} ${unit}`,
    yardstick === undefined ? '' : `${yardstick.name}: ${rounded(yardstick.value)}`,
    ratio === undefined ? '' : `${rounded(ratio)} ×`,
    target === undefined
      ? ''
      : `${target.bound === 'at most' ? '≤' : '≥'} ${rounded(target.limit)}${target.of === 'ratio' ? ' ×' : ''}`,
    verdictOf(figure),
  ];
}

/** Three digits that mean something, and no more than noise allows. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1_000) return Number(value.toPrecision(4)).toLocaleString('en-US');
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
