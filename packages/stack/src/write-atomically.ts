import { renameSync, writeFileSync } from 'node:fs';

/** Writes a small JSON file so that a reader sees the old one or the new one, never half of one. */
export function writeAtomically(path: string, value: unknown): void {
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(beside, path);
}
