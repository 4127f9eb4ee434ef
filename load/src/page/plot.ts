/** A line plot as SVG: text that a browser and GitHub draw, in light and in dark. */

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

export interface Line {
  readonly label: string;
  /** Pairs of x and y, ascending in x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT] = [720, 380];
/** Room for the axes' numbers, the title, and the names of the lines at their ends. */
const [LEFT, RIGHT, TOP, BOTTOM] = [72, 150, 44, 52];
/** Told apart also by who sees no red or no green. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];
const STYLE = `text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}
.grid{stroke:#ddd}.line{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}}`;

/** @throws when there is nothing to draw. */
export function plotSvg({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new Error(`nothing to draw in ${title}`);
  const across = scaleOf(
    x,
    points.map(([value]) => value),
    LEFT,
    WIDTH - RIGHT,
  );
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
    HEIGHT - BOTTOM,
    TOP,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<text class="title" x="${LEFT}" y="22">${escaped(title)}</text>
${across.ticks.map((tick) => verticalTick(tick, across.place(tick))).join('\n')}
${up.ticks.map((tick) => horizontalTick(tick, up.place(tick))).join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(x.label)}</text>
<text x="16" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})">${escaped(y.label)}</text>
${lines.map((line, at) => drawnLine(line, at, across.place, up.place)).join('\n')}
${names(lines, up.place).join('\n')}
</svg>
`;
}

interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf({ scale }: Axis, values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (scale === 'log') {
    const low = 10 ** Math.floor(Math.log10(least) + 1e-9);
    const high = Math.max(low * 10, 10 ** Math.ceil(Math.log10(most) - 1e-9));
    const share = (value: number) => Math.log10(value / low) / Math.log10(high / low);
    const ticks = [];
    for (let tick = low; tick <= high * 1.001; tick *= 10) ticks.push(tick);
    return { place: (value) => from + share(value) * (to - from), ticks };
  }
  // From zero, so that what looks flat is flat.
  const step = niceStep(most / 5);
  const high = Math.max(step, Math.ceil(most / step) * step);
  const ticks = Array.from({ length: Math.round(high / step) + 1 }, (_, at) => at * step);
  return { place: (value) => from + (value / high) * (to - from), ticks };
}

/** 1, 2 or 5 times a power of ten, at least `wanted`. */
function niceStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted || 1));
  return power * ([1, 2, 5, 10].find((times) => times * power >= wanted) ?? 10);
}

function verticalTick(tick: number, x: number): string {
  return `<line class="grid" x1="${px(x)}" x2="${px(x)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${px(x)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${short(tick)}</text>`;
}

function horizontalTick(tick: number, y: number): string {
  return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y)}" y2="${px(y)}"/><text x="${LEFT - 8}" y="${px(y + 4)}" text-anchor="end">${short(tick)}</text>`;
}

function drawnLine({ points }: Line, at: number, across: Scale['place'], up: Scale['place']): string {
  const places = points.map(([x, y]) => `${px(across(x))},${px(up(y))}`);
  const colour = COLOURS[at % COLOURS.length];
  const dots = places.map((place) => {
    const [x, y] = place.split(',');
    return `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`;
  });
  return `<polyline class="line" stroke="${colour}" points="${places.join(' ')}"/>${dots.join('')}`;
}

/** Height of a name, so that two lines that end together can both be read. */
const NAME_PX = 16;

function names(lines: readonly Line[], up: Scale['place']): string[] {
  const ends = lines
    .map((line, at) => ({ line, at, y: up(line.points.at(-1)?.[1] ?? 0) }))
    .toSorted((a, b) => a.y - b.y);
  let lowest = TOP;
  return ends.map(({ line, at, y }) => {
    lowest = Math.max(y, lowest + NAME_PX);
    return `<text x="${WIDTH - RIGHT + 10}" y="${px(lowest + 4)}" style="fill:${COLOURS[at % COLOURS.length]}">${escaped(line.label)}</text>`;
  });
}

function px(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  return value >= 1_000
    ? `${Number((value / 1_000).toPrecision(3))} k`
    : String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
