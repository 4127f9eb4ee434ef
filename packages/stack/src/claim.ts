/**
 * One `pnpm start` per data folder. The claim is a file that names its owner by pid and identity, linked into place
 * so that it is never there half written. A claim whose owner is dead is moved aside before it is replaced, and put
 * back when what was moved turns out to be somebody's newer one.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from './read-process.ts';
import { writeAtomically } from './write-atomically.ts';

interface Owner {
  pid: number;
  identity: string;
  /** Its end has begun: whoever comes next need only wait. */
  stopping: boolean;
}

export interface Claim {
  markStopping(): void;
  release(): void;
}

export type ClaimResult = { ok: true; claim: Claim } | { ok: false; pid: number; stopping: boolean };

/** Takes the data folder for this process, or says who has it. */
export function claimDataDir(dataDir: string): ClaimResult {
  const file = join(dataDir, 'start.json');
  const identity = processIdentity(process.pid);
  if (identity === undefined)
    throw new Error('this process has no identity: neither /proc nor ps can be read');
  const me: Owner = { pid: process.pid, identity, stopping: false };
  for (;;) {
    if (linkInto(file, me)) break;
    const owner = readOwner(file);
    if (owner && processIdentity(owner.pid) === owner.identity) {
      return { ok: false, pid: owner.pid, stopping: owner.stopping };
    }
    moveAside(file, owner);
  }
  return {
    ok: true,
    claim: {
      markStopping: () => writeAtomically(file, { ...me, stopping: true }),
      release: () => rmSync(file, { force: true }),
    },
  };
}

function linkInto(file: string, owner: Owner): boolean {
  const beside = `${file}.${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(owner, undefined, 2)}\n`, { mode: 0o600 });
  try {
    linkSync(beside, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

function moveAside(file: string, dead: Owner | undefined): void {
  const aside = `${file}.dead.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = readOwner(aside);
  if (moved && moved.identity !== dead?.identity && linkInto(file, moved)) return;
  rmSync(aside, { force: true });
}

function readOwner(file: string): Owner | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Owner | null) ?? undefined;
  } catch {
    return undefined;
  }
}
