/**
 * The record of our children, in the data folder, written as each one is spawned. `kill -9` of the parent leaves it
 * behind, and the next start ends whom it names, services before servers, as far as they are still who they were.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './read-process.ts';
import { writeAtomically } from './write-atomically.ts';

/** A worker ends its batch, Postgres its checkpoint; after that they are killed. */
const GRACE_MS = 20_000;
const LOOK_AGAIN_MS = 25;

export interface Child {
  name: string;
  pid: number;
  identity: string;
  stopSignal: NodeJS.Signals;
}

/** Adds a child to the record; a name's next child takes the place of its last. */
export type RecordChild = (name: string, pid: number, stopSignal: NodeJS.Signals) => void;

/** Begins a new record. What an older one names must have been ended. */
export function recordChildren(dataDir: string): RecordChild {
  const children = new Map<string, Child>();
  return (name, pid, stopSignal) => {
    children.set(name, { name, pid, identity: processIdentity(pid) ?? '', stopSignal });
    writeAtomically(recordFile(dataDir), [...children.values()]);
  };
}

/** The recorded children that still live, in the order they were first started. */
export function findOrphans(dataDir: string): Child[] {
  return readRecord(dataDir).filter(isAlive);
}

/** Ends these children, the last started first, each with its own signal and then SIGKILL. */
export async function endOrphans(orphans: readonly Child[], graceMs: number = GRACE_MS): Promise<void> {
  const deadline = Date.now() + graceMs;
  for (const orphan of orphans.toReversed()) {
    send(orphan, orphan.stopSignal);
    while (isAlive(orphan)) {
      if (Date.now() > deadline) send(orphan, 'SIGKILL');
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

/** For who can't wait. */
export function killOrphans(dataDir: string): void {
  for (const orphan of findOrphans(dataDir)) send(orphan, 'SIGKILL');
}

function send(child: Child, signal: NodeJS.Signals): void {
  try {
    if (isAlive(child)) process.kill(child.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

function isAlive({ pid, identity }: Child): boolean {
  return processIdentity(pid) === identity;
}

function readRecord(dataDir: string): Child[] {
  try {
    const record: unknown = JSON.parse(readFileSync(recordFile(dataDir), 'utf8'));
    return Array.isArray(record) ? (record as Child[]) : [];
  } catch {
    return [];
  }
}

function recordFile(dataDir: string): string {
  return join(dataDir, 'children.json');
}
