/**
 * Runs before a process under test (`node --import`) and rewrites the source files that INSTRUMENT
 * names, as they are loaded. See instrument.ts. The one file here with effects at import.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Rewrite } from './instrument.ts';

const rewrites = JSON.parse(process.env['INSTRUMENT'] ?? '[]') as Rewrite[];

/** Files with all their rewrites done, by URL. Made at once, so that a text that moved is an error now. */
const sources = new Map<string, string>();
for (const { file, find, replace } of rewrites) {
  const source = sources.get(file) ?? readFileSync(fileURLToPath(file), 'utf8');
  const found = source.split(find).length - 1;
  if (found !== 1) throw new Error(`${found} times in ${file}, where once is wanted: ${find}`);
  sources.set(
    file,
    source.replace(find, () => replace),
  );
}

registerHooks({
  load(url, context, nextLoad) {
    const source = sources.get(url);
    if (source === undefined) return nextLoad(url, context);
    return { format: 'module-typescript', source, shortCircuit: true };
  },
});
