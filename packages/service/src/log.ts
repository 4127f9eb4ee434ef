/**
 * The log of a process: JSON lines on standard output, one object a line.
 *
 * No line holds a body, a key, an address of a person, or a URL with a password in it. Errors are
 * written as their name, message, code and causes: a database error's `detail` and `query` carry
 * what users sent, so they never get here.
 */
import pino, { type Logger } from 'pino';

export type Log = Logger;

/** @param service the name on each line, such as `ingest`. The level is `info` until somebody sets `log.level`. */
export function createLog(service: string): Log {
  return pino(
    {
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    // Synchronous, so that the line that says why a process exits is out before it does.
    pino.destination({ fd: 1, sync: true }),
  );
}

/** An error without anything in it that a user may have sent. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(describeError) } : {}),
  };
}

/**
 * Lets a message through at most once in `intervalMs` and says how many were held back: during an
 * outage each of thousands of requests would otherwise write its own line.
 */
export function throttled(intervalMs: number, write: (heldBack: number) => void): () => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  let heldBack = 0;
  return () => {
    const now = performance.now();
    if (now - lastAt < intervalMs) {
      heldBack += 1;
      return;
    }
    lastAt = now;
    write(heldBack);
    heldBack = 0;
  };
}
