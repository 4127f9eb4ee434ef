/** What a process holds, as Linux tells it: its memory and its descriptors. */
import { readdir, readFile } from 'node:fs/promises';

export interface Footprint {
  readonly memoryMib: number;
  readonly descriptors: number;
}

/** Of a process that runs. */
export async function footprintOf(pid: number): Promise<Footprint> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const descriptors = await readdir(`/proc/${pid}/fd`);
  return { memoryMib: Number(kib) / 1_024, descriptors: descriptors.length };
}
