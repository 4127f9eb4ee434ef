/** wrk: the cheapest of the generators, so the one that leaves most of the machine to the server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blaster } from './blast.ts';
import { runProgram } from './run-program.ts';

/** Requests are formatted once, before the clock starts. A line of the file is a body. */
const SCRIPT = `local requests = {}
local at = 0
function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format('POST', nil, { ['content-type'] = 'application/json' }, line)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"failed":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;

interface Printed {
  readonly requests: number;
  readonly micros: number;
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

export function wrk(find: (name: string) => string | undefined): Blaster | undefined {
  const program = find('wrk');
  if (program === undefined) return undefined;
  return {
    name: 'wrk',
    run: async ({ url, connections, seconds, bodies, dir }) => {
      const [script, lines] = [join(dir, 'wrk.lua'), join(dir, 'wrk-bodies')];
      await Promise.all([writeFile(script, SCRIPT), writeFile(lines, `${bodies.join('\n')}\n`)]);
      const options = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '--timeout', '10s'];
      const output = await runProgram(program, [...options, '-s', script, url, '--', lines]);
      const line = output.split('\n').find((each) => each.startsWith('{"requests"')) ?? '';
      const printed = JSON.parse(line) as Printed;
      return {
        requests: printed.requests,
        seconds: printed.micros / 1e6,
        p50Ms: printed.p50 / 1_000,
        p99Ms: printed.p99 / 1_000,
        failed: printed.failed,
      };
    },
  };
}
