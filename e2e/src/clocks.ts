/** Services whose clocks are wrong. */
import type { Rewrite } from './instrument.ts';

/** A service's `Date` is `ms` ahead of this machine's, or behind it when negative. Its timers run as they did. */
export function clockAhead(service: 'ingest' | 'worker', ms: number): Rewrite {
  const find = `await runService('${service}', `;
  return {
    file: `services/${service}/src/main.ts`,
    find,
    replace: `const ownNow = Date.now;\nDate.now = () => ownNow() + ${ms};\n${find}`,
  };
}
