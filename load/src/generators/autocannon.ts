/** autocannon, which comes with this package: where nothing better is installed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Blaster } from './blast.ts';
import { runProgram } from './run-program.ts';

interface Printed {
  readonly requests: { readonly total: number };
  readonly duration: number;
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly non2xx: number;
}

export const autocannon: Blaster = {
  name: 'autocannon',
  run: async ({ url, connections, seconds, bodies, dir }) => {
    const body = join(dir, 'autocannon-body');
    await writeFile(body, bodies[0] ?? '');
    const output = await runProgram(process.execPath, [
      fileURLToPath(import.meta.resolve('autocannon')),
      ...['--json', '--no-progress', '--method', 'POST', '--headers', 'content-type=application/json'],
      ...[
        '--connections',
        String(connections),
        '--duration',
        String(Math.ceil(seconds)),
        '--input',
        body,
        url,
      ],
    ]);
    const printed = JSON.parse(output) as Printed;
    return {
      requests: printed.requests.total - printed.non2xx,
      seconds: printed.duration,
      p50Ms: printed.latency.p50,
      p99Ms: printed.latency.p99,
      failed: printed.errors + printed.non2xx,
    };
  },
};
