/** Places in the services where a test lets them die or wait, as rewrites of their source. */
import type { Rewrite } from './instrument.ts';

const KILL = "process.kill(process.pid, 'SIGKILL')";

/** The message of the line that a worker logs when it waits in pausedInCopy(). */
export const PAUSED_IN_COPY = 'failpoint: paused in COPY';

/** Runs `code` when this place in the source is passed for the `nth` time in the life of a process. */
function onPass(nth: number, code: string): string {
  return `if ((globalThis.passes = (globalThis.passes ?? 0) + 1) === ${nth}) { ${code}; }`;
}

/** A worker kills itself when its `nth` batch is committed, before it settles it. */
export function killedAfterCommit(nth: number): Rewrite {
  const find = 'if (!stored) return;';
  return { file: 'services/worker/src/consumer.ts', find, replace: `${find} ${onPass(nth, KILL)}` };
}

/** A worker meets a defect of its own when its `nth` batch is committed, before it settles it. */
export function failingAfterCommit(nth: number): Rewrite {
  const find = 'if (!stored) return;';
  const code = "throw new Error('failpoint: a defect')";
  return { file: 'services/worker/src/consumer.ts', find, replace: `${find} ${onPass(nth, code)}` };
}

/** A worker kills itself when the rows of its `nth` COPY are with the server, but not their end. */
export function killedInCopy(nth: number): Rewrite {
  return inCopy(nth, KILL);
}

/** A worker waits for `ms` at that place, and says so in its log: PAUSED_IN_COPY. */
export function pausedInCopy(nth: number, ms: number): Rewrite {
  const line = JSON.stringify(JSON.stringify({ msg: PAUSED_IN_COPY }));
  return inCopy(nth, `console.log(${line}); await new Promise((resolve) => setTimeout(resolve, ${ms}))`);
}

/** The message of the line that ingest logs when it waits in pausedInStart(). */
export const PAUSED_IN_START = 'failpoint: paused in start';

/** Ingest waits for `ms` before it listens, and says so in its log: PAUSED_IN_START. */
export function pausedInStart(ms: number): Rewrite {
  const find = 'await Promise.all(shards.map(({ watch }) => watch.start()));';
  const line = JSON.stringify(JSON.stringify({ msg: PAUSED_IN_START }));
  const wait = `console.log(${line}); await new Promise((resolve) => setTimeout(resolve, ${ms}));`;
  return { file: 'services/ingest/src/main.ts', find, replace: `${wait} ${find}` };
}

/** Ingest looks at Redis once when it starts, and then hears no more of it than its appends' answers. */
export const lookingOnce: Rewrite = {
  file: 'services/ingest/src/redis-watch.ts',
  find: 'const INTERVAL_MS = 1_000;',
  replace: 'const INTERVAL_MS = 3_600_000;',
};

/**
 * Ingest as on a machine that is much slower than its clients': an event costs it `ms` more. On one
 * machine with them, clients of ours would be at their limit before it is.
 */
export function toilsome(ms: number): Rewrite {
  const find = 'const accepted = acceptEvent(';
  // Of the CPU's time: what other processes take of it makes nothing harder for the clients.
  const toil = `for (let used = 0, from = process.threadCpuUsage(); used < ${ms * 1_000}; ) {
    const { user, system } = process.threadCpuUsage(from);
    used = user + system;
  }`;
  return { file: 'services/ingest/src/app.ts', find, replace: `${toil} ${find}` };
}

const HTTP_SERVER = 'packages/service/src/http-server.ts';

/** Who is slow with its headers is sent away after 2 s instead of 8, with its body after 3 instead of 15. */
export const impatient: readonly Rewrite[] = [
  { file: HTTP_SERVER, find: 'HEADERS_TIMEOUT_MS = 8_000;', replace: 'HEADERS_TIMEOUT_MS = 2_000;' },
  { file: HTTP_SERVER, find: 'REQUEST_TIMEOUT_MS = 15_000;', replace: 'REQUEST_TIMEOUT_MS = 3_000;' },
];

/** A worker kills itself when it looks into an entry that holds `text`. */
export function killedByEntry(text: string): Rewrite {
  return {
    file: 'services/worker/src/batch.ts',
    find: ': readEntry(fields);',
    replace: `: (String(fields['events']).includes(${JSON.stringify(text)}) && ${KILL}, readEntry(fields));`,
  };
}

/** A worker for which storing a batch takes `ms`, whatever is in it, and no Postgres. */
export function commitTakes(ms: number): Rewrite {
  return {
    file: 'services/worker/src/writer.ts',
    find: 'const rows = sortedById(events);',
    replace: `await new Promise((resolve) => setTimeout(resolve, ${ms}));
    return { inserted: events.length, duplicates: 0, deadLettered: 0 };`,
  };
}

/** Time for what was written to the socket to reach the server. */
const ON_ITS_WAY_MS = 50;

function inCopy(nth: number, code: string): Rewrite {
  const find = 'stream.end();';
  const wait = `await new Promise((resolve) => setTimeout(resolve, ${ON_ITS_WAY_MS}))`;
  return {
    file: 'services/worker/src/database.ts',
    find,
    replace: `${onPass(nth, `${wait}; ${code}`)} ${find}`,
  };
}
