/** k6 as a closed loop, with one virtual user a connection. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blaster } from './blast.ts';
import { runProgram } from './run-program.ts';

/** Bodies come as JSON, so that one may have newlines in it. */
const SCRIPT = `import http from 'k6/http';
const bodies = JSON.parse(open(__ENV.BODIES));
export const options = {
  vus: Number(__ENV.CONNECTIONS),
  duration: __ENV.SECONDS + 's',
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(99)'],
};
const params = { headers: { 'content-type': 'application/json' } };
export default () => { http.post(__ENV.URL, bodies[Math.floor(Math.random() * bodies.length)], params); };
export const handleSummary = ({ metrics, state }) => ({ stdout: JSON.stringify({
  requests: metrics.http_reqs.values.count,
  seconds: state.testRunDurationMs / 1000,
  p50Ms: metrics.http_req_duration.values.med,
  p99Ms: metrics.http_req_duration.values['p(99)'],
  failed: metrics.http_req_failed.values.passes,
}) });
`;

export function k6(find: (name: string) => string | undefined): Blaster | undefined {
  const program = find('k6');
  if (program === undefined) return undefined;
  return {
    name: 'k6',
    run: async ({ url, connections, seconds, bodies, dir }) => {
      const [script, file] = [join(dir, 'k6-blast.js'), join(dir, 'k6-bodies.json')];
      await Promise.all([writeFile(script, SCRIPT), writeFile(file, JSON.stringify(bodies))]);
      const output = await runProgram(program, ['run', '--quiet', script], {
        URL: url,
        BODIES: file,
        CONNECTIONS: String(connections),
        SECONDS: String(Math.ceil(seconds)),
      });
      return JSON.parse(output.slice(output.indexOf('{"requests"')));
    },
  };
}
