/** hey: one body for all requests. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blast, Blasted, Blaster } from './blast.ts';
import { runProgram } from './run-program.ts';

export function hey(find: (name: string) => string | undefined): Blaster | undefined {
  const program = find('hey');
  if (program === undefined) return undefined;
  return {
    name: 'hey',
    run: (blast) => runHey(program, blast, ['-z', `${Math.ceil(blast.seconds)}s`]),
  };
}

/** @param amount how much to send, such as `['-n', '50000']`. */
export async function runHey(
  program: string,
  { url, connections, bodies, dir }: Omit<Blast, 'seconds'>,
  amount: readonly string[],
): Promise<Blasted> {
  const body = join(dir, 'hey-body');
  await writeFile(body, bodies[0] ?? '');
  const request = ['-m', 'POST', '-T', 'application/json', '-D', body, url];
  return parseHey(await runProgram(program, [...amount, '-c', String(connections), ...request]));
}

/** Reads hey's report. */
export function parseHey(report: string): Blasted {
  const statuses = [...report.matchAll(/\[(\d{3})\]\s+(\d+) responses/g)];
  const count = (wanted: (status: number) => boolean) =>
    statuses.reduce((sum, [, status, times]) => sum + (wanted(Number(status)) ? Number(times) : 0), 0);
  const errors = [...report.matchAll(/^\s+\[(\d+)\]\s+\S.*(?:error|EOF|refused|reset|timeout)/gim)];
  const requests = count((status) => status < 300);
  const millis = (share: string) =>
    Number(new RegExp(`${share}%+ in ([\\d.]+) secs`).exec(report)?.[1] ?? Number.NaN) * 1_000;
  return {
    requests,
    seconds: Number(/Total:\s+([\d.]+) secs/.exec(report)?.[1] ?? Number.NaN),
    p50Ms: millis('50'),
    p99Ms: millis('99'),
    failed: count((status) => status >= 300) + errors.reduce((sum, [, times]) => sum + Number(times), 0),
  };
}
