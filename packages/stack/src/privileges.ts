/**
 * Running a child as another user, and telling the kernel to signal it when we die.
 *
 * Both are `setpriv`'s work on Linux (util-linux, on every Debian, Fedora and Arch). It execs, so the child's pid
 * is the one we spawned. Where it is missing, children are started plainly.
 *
 * The hard case: root cloned the project in /root (mode 0700), and Postgres, which refuses to be root, can't enter
 * it as anybody else. The child then keeps one capability, to pass through folders; every file it writes is its
 * own. `no_setuid_fixup` is needed because access(2), by which Postgres looks for its own binaries, otherwise
 * forgets the capabilities of a user who isn't root.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Account {
  uid: number;
  gid: number;
}

interface Wrapped {
  command: string;
  args: readonly string[];
  ids: { uid?: number; gid?: number };
}

/** Bits in /proc/self/status, from linux/capability.h. */
const CAPABILITY_BITS = { dac_override: 1n, dac_read_search: 2n, setpcap: 8n };

let knowsDeathSignal: boolean | undefined;

/**
 * The command that runs `command` so that it gets `deathSignal` when this process dies and, when `as` is given,
 * as that user. Throws when that user can't get to one of the paths and nothing here can help it.
 */
export function runAs(
  command: string,
  args: readonly string[],
  deathSignal: NodeJS.Signals,
  as?: { account: Account; reach: readonly string[] },
): Wrapped {
  const unreachable = as?.reach.find((path) => !canReach(as.account, path));
  const flags: string[] = [];
  if (as && unreachable !== undefined) flags.push(...passThroughFlags(as.account, unreachable));
  if (hasDeathSignal()) flags.push('--pdeathsig', deathSignal.replace(/^SIG/, ''));
  // With the capability, setpriv itself changes the user; without, spawn does it before setpriv runs.
  const ids = as && unreachable === undefined ? as.account : {};
  if (flags.length === 0) return { command, args, ids };
  return { command: 'setpriv', args: [...flags, '--', command, ...args], ids };
}

function passThroughFlags({ uid, gid }: Account, path: string): string[] {
  const held = heldCapabilities();
  const has = (bit: bigint) => (held & (1n << bit)) !== 0n;
  // Containers usually keep dac_override only.
  const capability = has(CAPABILITY_BITS.dac_read_search) ? 'dac_read_search' : 'dac_override';
  if (!has(CAPABILITY_BITS[capability]) || !has(CAPABILITY_BITS.setpcap) || !hasDeathSignal()) {
    throw new Error(
      `Postgres doesn't run as root, and the user with id ${uid} can't enter ${path}: ` +
        'move the project to a folder that others may enter, or start it as another user',
    );
  }
  const only = `-all,+${capability}`;
  return [
    ...['--reuid', String(uid), '--regid', String(gid), '--clear-groups'],
    ...[
      `--inh-caps=${only}`,
      `--ambient-caps=${only}`,
      `--bounding-set=${only}`,
      '--securebits=+no_setuid_fixup',
    ],
  ];
}

/** Asks the kernel, not the mode bits: there are groups, access lists and mounts. */
function canReach(account: Account, path: string): boolean {
  return spawnSync('test', ['-r', path], { ...account, cwd: '/', stdio: 'ignore' }).status !== 1;
}

function heldCapabilities(): bigint {
  try {
    const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    return BigInt(`0x${found?.[1] ?? '0'}`);
  } catch {
    return 0n;
  }
}

function hasDeathSignal(): boolean {
  knowsDeathSignal ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', '--', 'true'], { stdio: 'ignore' }).status === 0;
  return knowsDeathSignal;
}
