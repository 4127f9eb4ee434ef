import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessFacts {
  pid: number;
  parent: number;
  /** Differs from that of any other process that ever had this pid. */
  identity: string;
  /** Its command line, word by word. */
  words: string[];
}

/** What the system says of a live process; undefined when there is none, or only its zombie. */
export function readProcess(pid: number): ProcessFacts | undefined {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

/** The time a process started, and on Linux the boot: what tells it from a later one with the same pid. */
export function processIdentity(pid: number): string | undefined {
  return readProcess(pid)?.identity;
}

function fromProc(pid: number): ProcessFacts | undefined {
  const { state, parent, startTicks } = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (isGone(state)) return undefined;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  return { pid, parent, identity: `${boot} ${startTicks}`, words };
}

function fromPs(pid: number): ProcessFacts | undefined {
  const columns = 'state=,ppid=,lstart=,command=';
  const text = execFileSync('ps', ['-o', columns, '-p', String(pid)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  // lstart is five words: Sun Nov 22 15:47:00 2026.
  const [state = '', parent, ...rest] = text.trim().split(/\s+/);
  if (isGone(state)) return undefined;
  return { pid, parent: Number(parent), identity: rest.slice(0, 5).join(' '), words: rest.slice(5) };
}

/** Fields of /proc/PID/stat. The command, in brackets, may hold spaces and brackets itself: count from its end. */
export function parseProcStat(text: string): { state: string; parent: number; startTicks: string } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
}

function isGone(state: string): boolean {
  return state === '' || state.startsWith('Z') || state.startsWith('X');
}
