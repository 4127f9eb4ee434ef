/**
 * What the system says that processes used: the CPU time and memory of a process and all below it.
 *
 * CPU time of the process's own accounting holds on a noisy machine, where requests a second don't.
 * On Linux a process's time includes that of its children that have ended, so a Postgres that closes
 * connections loses nothing; on macOS `ps` doesn't say, so there backends must outlive a measurement.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What Linux shows to programs whatever it uses inside: USER_HZ. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MIB = 1_024;

interface ProcessUse {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, with that of ended children. */
  readonly cpuSeconds: number;
}

/** Starts to count CPU seconds. @returns what answers those used since, by name. */
export function countCpu<Name extends string>(
  pids: Readonly<Record<Name, number | readonly number[]>>,
): () => Record<Name, number> {
  const before = cpuOf(pids);
  return () => {
    const used = cpuOf(pids);
    for (const name in used) used[name] -= before[name];
    return used;
  };
}

/** Resident memory of a process and all below it, in MiB. Pages that they share count for each. */
export function residentMib(root: number): number {
  let sum = 0;
  for (const { pid } of treeOf(allProcesses(), root)) sum += processMib(pid, 'VmRSS');
  return sum;
}

/** The most memory that this one process ever had resident, in MiB; on macOS, what it has now. */
export function peakMib(pid: number): number {
  return processMib(pid, 'VmHWM');
}

function cpuOf<Name extends string>(
  pids: Readonly<Record<Name, number | readonly number[]>>,
): Record<Name, number> {
  const all = allProcesses();
  const sums = {} as Record<Name, number>;
  for (const name in pids) {
    const roots: readonly number[] = [pids[name]].flat();
    const tree = roots.flatMap((root) => treeOf(all, root));
    sums[name] = 0;
    for (const { cpuSeconds } of tree) sums[name] += cpuSeconds;
  }
  return sums;
}

function treeOf(all: readonly ProcessUse[], root: number): ProcessUse[] {
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

function allProcesses(): ProcessUse[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): ProcessUse[] {
  const found: ProcessUse[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.push(parseStat(Number(name), readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch {
      // It ended since the folder was listed.
    }
  }
  return found;
}

/** @param text of /proc/PID/stat, whose second field is a name in brackets that may hold anything. */
export function parseStat(pid: number, text: string): ProcessUse {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, childrenUtime, childrenStime] = fields.slice(11, 15).map(Number);
  const ticks = (utime ?? 0) + (stime ?? 0) + (childrenUtime ?? 0) + (childrenStime ?? 0);
  return { pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}

function fromPs(): ProcessUse[] {
  const text = execFileSync('ps', ['-axo', 'pid=,ppid=,time='], { encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, time = ''] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), cpuSeconds: parsePsTime(time) };
    });
}

/** @param time as `ps` has it: `[[days-]hours:]minutes:seconds`, with hundredths on macOS. */
export function parsePsTime(time: string): number {
  const [clock = '', days = '0'] = time.split('-').toReversed();
  return clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400;
}

function processMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    if (process.platform !== 'linux') {
      return (
        Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / KIB_PER_MIB
      );
    }
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / KIB_PER_MIB;
  } catch {
    return 0;
  }
}
