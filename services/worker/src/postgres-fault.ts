/**
 * What an error of Postgres, or of the way to it, means for the batch that met it. The one table.
 *
 * - `duplicate`: a row is there already, so the batch was delivered before; store it row by row.
 * - `data`: a row can't be stored ever; find it and set it aside.
 * - `transient`: the same statement may succeed later; wait and try again.
 * - `operator`: somebody has to mend something; stop reading, say so, try again now and then.
 */
import { AssertionError } from 'node:assert/strict';

export type Fault = 'duplicate' | 'data' | 'transient' | 'operator';

/** By whole SQLSTATE, ahead of its class. */
const BY_STATE: { readonly [sqlstate: string]: Fault } = {
  '23505': 'duplicate', // unique_violation
  '55P03': 'transient', // lock_not_available: our own lock_timeout
  '55006': 'transient', // object_in_use
};

/** By class, the first two characters. What isn't here is for an operator. */
const BY_CLASS: { readonly [sqlclass: string]: Fault } = {
  '08': 'transient', // connection exception
  '22': 'data', // data exception
  '23': 'data', // integrity constraint violation
  '40': 'transient', // transaction rollback: deadlock, serialization
  '53': 'transient', // insufficient resources: disk, memory, connections
  '54': 'data', // program limit exceeded: a value too large for its index
  '57': 'transient', // operator intervention: shutdown, crash, statement time-out
  '58': 'transient', // system error: input or output
};

/** What is thrown by code that is wrong, ours or the driver's. */
const DEFECTS = [TypeError, RangeError, SyntaxError, ReferenceError, AssertionError];

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** @param error whatever a statement was rejected with. */
export function faultOf(error: unknown): Fault {
  const state = sqlstateOf(error);
  if (state === undefined) {
    // A defect of ours must not be tried again in silence for ever.
    if (DEFECTS.some((kind) => error instanceof kind)) return 'operator';
    // The socket, a name look-up, a deadline, or postgres.js giving up a connection.
    return 'transient';
  }
  return BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 'operator';
}

/** The SQLSTATE of a server's error, `undefined` for any other. */
export function sqlstateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  // ECONNRESET and the like are codes too, but only the server sends a severity.
  return typeof code === 'string' && severity !== undefined && SQLSTATE.test(code) ? code : undefined;
}
