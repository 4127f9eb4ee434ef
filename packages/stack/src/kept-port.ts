import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstFree } from './free-port.ts';
import { writeAtomically } from './write-atomically.ts';

/**
 * A server's port: the one it had before, else the conventional one, else any, each if free. It is kept in the data
 * folder, so that a URL someone wrote down stays true.
 */
export async function keptPort(dataDir: string, name: string, conventional: number): Promise<number> {
  const file = join(dataDir, 'ports.json');
  const kept = readPorts(file);
  const before = kept[name];
  const port = await firstFree(before === undefined ? [conventional] : [before, conventional]);
  if (port !== before) writeAtomically(file, { ...kept, [name]: port });
  return port;
}

/** The port that a server of this data folder was last started on, `undefined` before its first start. */
export function lastPort(dataDir: string, name: string): number | undefined {
  return readPorts(join(dataDir, 'ports.json'))[name];
}

function readPorts(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}
