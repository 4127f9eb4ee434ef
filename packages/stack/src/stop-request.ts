import { performance } from 'node:perf_hooks';
import { watchLaunchers } from './launchers.ts';

/** Above what one key press delivers, below what a second one takes. */
const SAME_SIGNAL_MS = 700;

/**
 * Aborts when this process is asked to end: by the first SIGINT, SIGTERM or SIGHUP, or by the end of the package
 * manager that started it. A second signal calls `hurry`; one that follows at once doesn't count, because the
 * terminal and a package manager may both deliver the same Ctrl-C.
 */
export function stopRequest(hurry: () => void): AbortSignal {
  const stopping = new AbortController();
  let requestedAt = 0;
  const request = () => {
    requestedAt = performance.now();
    stopping.abort();
  };
  const onSignal = () => {
    if (!stopping.signal.aborted) request();
    else if (performance.now() - requestedAt > SAME_SIGNAL_MS) hurry();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  watchLaunchers(request);
  return stopping.signal;
}
