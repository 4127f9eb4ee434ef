/** The CPU time of processes, as Linux tells it. */
import { readdir, readFile } from 'node:fs/promises';

/** What Linux shows to programs whatever it uses inside: USER_HZ. */
const TICKS_PER_SECOND = 100;

/** Seconds that a process and its children, those that have ended too, have used so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const all = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(useOf));
  const family = all.filter((use) => use !== undefined && (use.pid === pid || use.parent === pid));
  return family.reduce((sum, use) => sum + (use?.seconds ?? 0), 0);
}

async function useOf(pid: string): Promise<{ pid: number; parent: number; seconds: number } | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1');
    // After the name, which is in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { pid: Number(pid), parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND };
  } catch {
    // It ended since the folder was listed.
    return undefined;
  }
}
