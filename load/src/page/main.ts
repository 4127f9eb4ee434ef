/**
 * `node load/src/page/main.ts RESULT.json`: puts a result of `pnpm bench --json` into docs/performance.md
 * and draws its plots beside it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../bench/result.ts';
import { markdownTable, rounded } from '../bench/table.ts';
import { projectDir } from '../system/servers.ts';
import { fill } from './fill.ts';
import { plotSvg } from './plot.ts';
import { plotsOf } from './plots.ts';

const PAGE = join(projectDir, 'docs', 'performance.md');
const PLOTS = join(projectDir, 'docs', 'performance');

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('node load/src/page/main.ts RESULT.json, which `pnpm bench --json RESULT.json` writes');
  process.exitCode = 2;
} else {
  await writePage(JSON.parse(await readFile(file, 'utf8')) as Result);
}

async function writePage(result: Result): Promise<void> {
  await mkdir(PLOTS, { recursive: true });
  const plots = plotsOf(result.series);
  for (const { name, plot } of plots) await writeFile(join(PLOTS, `${name}.svg`), plotSvg(plot));
  let page = await readFile(PAGE, 'utf8');
  page = fill(page, 'machine', machineOf(result));
  page = fill(page, 'table', markdownTable(result.figures));
  page = fill(page, 'profiles', result.profiles.map(profileOf).join('\n\n'));
  page = fill(
    page,
    'plots',
    plots.map(({ name, plot }) => `![${plot.title}](performance/${name}.svg)`).join('\n\n'),
  );
  await writeFile(PAGE, page);
  console.log(`wrote the page and ${plots.length} plots`);
}

function machineOf({ machine, takenAt, command }: Result): string {
  const rows = {
    date: takenAt.slice(0, 10),
    command: `\`pnpm bench ${command.join(' ')}\``,
    processor: `${machine.cpu}, ${machine.cores} cores`,
    memory: `${machine.memoryGib} GiB`,
    system: machine.system,
    versions: `Node ${machine.node}, ${machine.redis}, Postgres ${machine.postgres}`,
    'load generator': machine.generator,
    'a write of 4 KiB with fsync': `${machine.fsyncMicros} µs`,
  };
  return [
    '| | |',
    '| --- | --- |',
    ...Object.entries(rows).map(([name, value]) => `| ${name} | ${value} |`),
  ].join('\n');
}

function profileOf({ title, parts }: Result['profiles'][number]): string {
  const rows = parts.map(({ name, share }) => `| ${rounded(share * 100)} % | ${name} |`);
  return [`**${title}**`, '', '| share | where |', '| ---: | --- |', ...rows].join('\n');
}
