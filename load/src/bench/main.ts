/**
 * `pnpm bench`: every scenario on servers of its own, and the table.
 *
 * A scenario that fails is told and the others go on; the exit code is then 1. A target that isn't
 * reached is no failure: it is what the table is for.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scenarios } from '../scenarios/all.ts';
import { stopChildren } from '../system/child.ts';
import { projectDir, Servers } from '../system/servers.ts';
import { Stream } from '../system/stream.ts';
import { describeMachine } from './machine.ts';
import { type Options, readCommandLine } from './options.ts';
import { createProgress } from './progress.ts';
import { type Result, resultOf } from './result.ts';
import { Run } from './run.ts';
import { textTable } from './table.ts';

const commandLine = readCommandLine(process.argv.slice(2), scenarios);
if (commandLine.ok) {
  process.exitCode = await bench(commandLine.options);
} else {
  (commandLine.exitCode === 0 ? console.log : console.error)(commandLine.text);
  process.exitCode = commandLine.exitCode;
}

async function bench(options: Options): Promise<number> {
  const progress = createProgress(process.stderr);
  const servers = await Servers.create({ parentDir: options.dir ?? join(projectDir, '.data') });
  const closeAndExit = () =>
    void stopChildren()
      .then(() => servers.close())
      .finally(() => process.exit(130));
  process.once('SIGINT', closeAndExit);
  process.once('SIGTERM', closeAndExit);
  try {
    await using stream = await Stream.connect((await servers.redis()).url);
    const run = new Run(options.size, servers, stream, progress);
    const failed = await runAll(run, options);
    const result = resultOf(run, await describeMachine(servers), process.argv.slice(2), failed);
    print(result);
    if (options.json !== undefined)
      await writeFile(options.json, `${JSON.stringify(result, undefined, 2)}\n`);
    return failed.length === 0 ? 0 : 1;
  } finally {
    await servers.close();
  }
}

async function runAll(run: Run, { only }: Options): Promise<string[]> {
  const failed: string[] = [];
  for (const scenario of scenarios) {
    if (only.length > 0 && !only.includes(scenario.name)) continue;
    try {
      await scenario.run(run);
    } catch (error) {
      failed.push(scenario.name);
      run.progress.keep(`${scenario.name} failed: ${error instanceof Error ? error.stack : error}`);
    }
  }
  return failed;
}

function print({ machine, figures, profiles, failed }: Result): void {
  const { cpu, cores, memoryGib, system, node, redis, fsyncMicros } = machine;
  console.log(
    `\n${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}, ${redis}, fsync ${fsyncMicros} µs\n`,
  );
  console.log(textTable(figures));
  for (const { title, parts } of profiles) {
    console.log(`\n${title}`);
    for (const { name, share } of parts) console.log(`  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
  const short = figures.filter(({ verdict }) => verdict === 'short').length;
  const passed = figures.filter(({ verdict }) => verdict === 'pass').length;
  console.log(
    `\n${passed} targets reached, ${short} short${failed.length > 0 ? `, failed: ${failed.join(', ')}` : ''}`,
  );
}
