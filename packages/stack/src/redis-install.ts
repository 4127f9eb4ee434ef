/**
 * Installing a Redis where the system's package manager asks nothing. Debian's packages start a daemon of their own,
 * now and at each boot; /usr/sbin/policy-rc.d, its documented switch, forbids the first, systemctl the second.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { launch } from './launch.ts';
import { findRedis, isNewEnough, type RedisSearch } from './redis-binary.ts';

interface PackageManager {
  program: string;
  /** Whether it must be root. Homebrew must not. */
  asRoot: boolean;
  refresh: readonly string[];
  install: readonly string[];
  /** In the order they are tried: a distribution has one or the other. */
  packages: readonly string[];
}

const MANAGERS: readonly PackageManager[] = [
  {
    program: 'apt-get',
    asRoot: true,
    refresh: ['update', '-q'],
    install: ['install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'],
    packages: ['redis-server', 'valkey-server'],
  },
  { program: 'apk', asRoot: true, refresh: [], install: ['add'], packages: ['valkey', 'redis'] },
  { program: 'dnf', asRoot: true, refresh: [], install: ['install', '-y'], packages: ['valkey', 'redis'] },
  { program: 'pacman', asRoot: true, refresh: [], install: ['-S', '--noconfirm'], packages: ['valkey'] },
  { program: 'brew', asRoot: false, refresh: [], install: ['install'], packages: ['redis', 'valkey'] },
];

const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY =
  '#!/bin/sh\n# Made by Sluice while it installs Redis, so that no daemon is started. Safe to delete.\nexit 101\n';
/** A package manager that is half-way through mustn't be interrupted; nobody waits longer than this for its end. */
const GRACE_MS = 60_000;

/** The package manager of this system and the command that a person would give it. */
export async function findInstaller(
  isRoot: boolean,
): Promise<{ manager: PackageManager; byHand: string } | undefined> {
  for (const manager of MANAGERS) {
    if (!(await runs(manager.program, ['--version'])).ok) continue;
    const sudo = manager.asRoot && !isRoot ? 'sudo ' : '';
    return { manager, byHand: `${sudo}${manager.program} ${manager.install[0]} ${manager.packages[0]}` };
  }
  return undefined;
}

/** Whether this user may install without being asked anything. */
export function needsNoQuestion(manager: PackageManager, isRoot: boolean): boolean {
  return manager.asRoot === isRoot;
}

/**
 * Installs a server and looks for it again. Its commands' output goes to `onLine`.
 */
export async function installRedis(
  manager: PackageManager,
  onLine: (line: string) => void,
): Promise<RedisSearch> {
  if (manager.refresh.length > 0) await runs(manager.program, manager.refresh, onLine);
  let search: RedisSearch = { ok: false, tooOld: undefined };
  for (const name of manager.packages) {
    if (manager.program === 'apt-get' && !(await aptHasNewEnough(name))) continue;
    await withoutDaemons(manager, name, () => runs(manager.program, [...manager.install, name], onLine));
    search = await findRedis();
    if (search.ok) break;
  }
  return search;
}

/** The version in `Candidate: 5:7.0.15-1~deb12u7`; the part before the colon only orders packages. */
export function parseAptCandidate(policy: string): string | undefined {
  return /^\s*Candidate: (?:\d+:)?(\d[\d.]*)/m.exec(policy)?.[1];
}

async function aptHasNewEnough(name: string): Promise<boolean> {
  const candidate = parseAptCandidate((await runs('apt-cache', ['policy', name])).output);
  return candidate !== undefined && isNewEnough(candidate);
}

async function withoutDaemons(
  manager: PackageManager,
  name: string,
  install: () => Promise<unknown>,
): Promise<void> {
  const forbids = manager.program === 'apt-get' && !existsSync(POLICY_FILE);
  if (forbids) writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 });
  try {
    await install();
  } finally {
    if (forbids) rmSync(POLICY_FILE, { force: true });
  }
  if (manager.program === 'apt-get') await runs('systemctl', ['disable', name]);
}

async function runs(
  command: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<{ ok: boolean; output: string }> {
  try {
    const running = await launch({
      command: 'env',
      args: ['DEBIAN_FRONTEND=noninteractive', command, ...args],
      cwd: '/',
      stopSignal: 'SIGTERM',
      graceMs: GRACE_MS,
      onLine,
    });
    const exit = await running.exited;
    return { ok: exit.code === 0, output: running.tail().join('\n') };
  } catch {
    return { ok: false, output: '' };
  }
}
