import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { endOrphans, findOrphans, recordChildren } from './orphans.ts';
import { tempDir } from './testing/temp-dir.ts';

/** A process that says when it runs, and does on SIGTERM what `onTerm` says. */
async function child(onTerm: string): Promise<{ pid: number; ended: Promise<unknown> }> {
  const script = `process.on('SIGTERM', () => { ${onTerm} }); setInterval(() => {}, 1000); console.log('up')`;
  const started = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void started.kill('SIGKILL'));
  const ended = once(started, 'exit');
  await once(started.stdout, 'data');
  return { pid: started.pid ?? 0, ended };
}

describe('the record of children', () => {
  test('finds those that live, in the order they were started', async () => {
    const dataDir = tempDir();
    const record = recordChildren(dataDir);
    const [first, second] = [await child('process.exit(0)'), await child('process.exit(0)')];
    record('redis', first.pid, 'SIGTERM');
    record('ingest', second.pid, 'SIGTERM');
    expect(findOrphans(dataDir).map(({ name, pid }) => [name, pid])).toEqual([
      ['redis', first.pid],
      ['ingest', second.pid],
    ]);
  });

  test('keeps only the latest process of a name', async () => {
    const dataDir = tempDir();
    const record = recordChildren(dataDir);
    const again = await child('process.exit(0)');
    record('redis', process.ppid, 'SIGTERM');
    record('redis', again.pid, 'SIGTERM');
    expect(findOrphans(dataDir).map(({ pid }) => pid)).toEqual([again.pid]);
  });

  test('does not take a later process with the same pid for ours', () => {
    const dataDir = tempDir();
    recordChildren(dataDir)('redis', process.pid, 'SIGTERM');
    const file = join(dataDir, 'children.json');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/"identity": ".*"/, '"identity": "of an earlier boot"'),
    );
    expect(findOrphans(dataDir)).toEqual([]);
  });

  test.each(['', '[{', 'null'])('is as good as none when it reads %j', (content) => {
    const dataDir = tempDir();
    writeFileSync(join(dataDir, 'children.json'), content);
    expect(findOrphans(dataDir)).toEqual([]);
  });
});

describe('ending orphans', () => {
  test('lets each end by its own signal', async () => {
    const dataDir = tempDir();
    const orphan = await child('process.exit(7)');
    recordChildren(dataDir)('worker-1', orphan.pid, 'SIGTERM');
    await endOrphans(findOrphans(dataDir));
    expect(await orphan.ended).toEqual([7, null]);
  });

  test('kills one that does not end in time', async () => {
    const dataDir = tempDir();
    const orphan = await child('');
    recordChildren(dataDir)('worker-1', orphan.pid, 'SIGTERM');
    await endOrphans(findOrphans(dataDir), 100);
    expect(await orphan.ended).toEqual([null, 'SIGKILL']);
  });
});
