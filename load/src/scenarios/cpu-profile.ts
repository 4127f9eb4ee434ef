/** From a V8 CPU profile to shares of the time that somebody can read. */

/** What `node --cpu-prof` writes. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** From one sample to the next, in microseconds. */
  readonly timeDeltas: readonly number[];
  /** Of the first sample, in microseconds of the system's monotonic clock. */
  readonly startTime: number;
}

/** Parts smaller than this are told together. */
const LEAST_SHARE = 0.015;

/** By what a file's path contains, in this order. */
const PLACES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\/services\/[^/]+\/src\/(.+)\.ts$/, 'Sluice: '],
  [/\/packages\/([^/]+\/src\/.+)\.ts$/, 'Sluice: packages/'],
  [/\/node_modules\/(@[^/]+\/[^/]+|[^/]+)\/(?!.*\/node_modules\/)/, ''],
  [/^node:internal\/(?:streams|stream)/, 'node: streams'],
  [/^node:_?http/, 'node: http'],
  [/^node:(?:net|internal\/stream_base)/, 'node: net'],
  [/^node:(?:internal\/)?(.+)$/, 'node: '],
];
const PSEUDO: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'native: HTTP parser, sockets, system calls',
};

/**
 * Self time by file or package, as shares of the time that wasn't idle.
 *
 * @param fromMicros when the work began, by the monotonic clock: starting a process is no part of it.
 */
export function partsOf(
  { nodes, samples, timeDeltas, startTime }: CpuProfile,
  fromMicros: number,
): { name: string; share: number }[] {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  let total = 0;
  let clock = startTime;
  for (const [at, id] of samples.entries()) {
    const place = placeOf.get(id);
    const took = timeDeltas[at] ?? 0;
    clock += took;
    if (place === undefined || clock < fromMicros) continue;
    total += took;
    micros.set(place, (micros.get(place) ?? 0) + took);
  }
  const parts = [...micros].map(([name, took]) => ({ name, share: took / total }));
  const large = parts.filter(({ share }) => share >= LEAST_SHARE).toSorted((a, b) => b.share - a.share);
  const rest = 1 - large.reduce((sum, { share }) => sum + share, 0);
  return rest > 0.001 ? [...large, { name: 'everything else', share: rest }] : large;
}

/** Undefined for what isn't work. */
function nameOf({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (url === '') return PSEUDO[functionName] ?? nativeName(functionName);
  for (const [pattern, name] of PLACES) {
    const found = pattern.exec(url);
    if (found !== null) return `${name}${found[1] ?? ''}`;
  }
  return 'everything else';
}

function nativeName(functionName: string): string {
  if (functionName.startsWith('RegExp:')) return 'native: regular expressions';
  if (/^write(v|Buffer|Latin1String|Utf8String)$/.test(functionName)) return 'native: writing to sockets';
  return `native: ${functionName || 'unnamed'}`;
}

/** Now, by the clock of a profile. */
export function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
