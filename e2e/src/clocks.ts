/** Services and servers whose clocks are wrong. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { withEnvironment } from './config.ts';
import type { Rewrite } from './instrument.ts';
import type { ServerProcess } from './server-process.ts';

/** A service's `Date` is `ms` ahead of this machine's, or behind it when negative. Its timers run as they did. */
export function clockAhead(service: 'ingest' | 'worker', ms: number): Rewrite {
  const find = `await runService('${service}', `;
  return {
    file: `services/${service}/src/main.ts`,
    find,
    replace: `const ownNow = Date.now;\nDate.now = () => ownNow() + ${ms};\n${find}`,
  };
}

/**
 * Starts a server that was killed with a clock of its own, by libfaketime.
 *
 * @param offset from this machine's clock, such as `+1d` or `-1h`.
 * @throws when libfaketime isn't there; Debian's package is `faketime`.
 */
export async function restartWithClock(server: ServerProcess, offset: string): Promise<void> {
  const { stdout } = await promisify(execFile)('faketime', ['-f', offset, 'printenv', 'LD_PRELOAD']);
  // jemalloc, with which Debian builds redis-server, asks for the time before libfaketime can answer and
  // hangs; glibc's malloc goes ahead of it.
  const preloaded = `${stdout.trim()} libc_malloc_debug.so.0`;
  const faked = { LD_PRELOAD: preloaded, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  await withEnvironment(faked, () => server.restart());
}
