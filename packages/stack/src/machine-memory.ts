import { totalmem } from 'node:os';

/** The memory that all of us may use, in bytes: the machine's, or its container's when that is less. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
