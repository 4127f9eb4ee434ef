import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test, vi } from 'vitest';
import { launch } from './launch.ts';
import { postgresAccount } from './postgres-account.ts';
import { processIdentity } from './read-process.ts';
import { tempDir } from './testing/temp-dir.ts';

describe('a child that runs as another user', () => {
  test('finds and may run what lies in a folder that is closed to that user', async () => {
    const closed = join(tempDir(), 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const program = join(closed, 'shell');
    copyFileSync('/bin/sh', program);
    chmodSync(program, 0o755);
    const account = await postgresAccount(join(closed, 'cluster'));
    const child = await launch({
      command: program,
      // access(2), by which Postgres looks for its own binaries, judges by the real user.
      args: ['-c', `test -x ${program} && id -u`],
      as: account && { account, reach: [program] },
      stopSignal: 'SIGTERM',
      graceMs: 1_000,
    });
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.tail()).toEqual([String(account?.uid ?? process.getuid?.())]);
  });
});

describe('the death of a parent', () => {
  test('by kill -9 ends its children too, where the kernel can tell them', async () => {
    const script = `
      import { launch } from ${JSON.stringify(new URL('./launch.ts', import.meta.url).href)};
      const child = await launch({ command: 'sleep', args: ['600'], stopSignal: 'SIGTERM', graceMs: 1000 });
      console.log(child.pid);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const identity = processIdentity(Number(pid));
    expect(identity).toBeDefined();
    parent.kill('SIGKILL');
    if (process.platform === 'linux') {
      await vi.waitFor(() => expect(processIdentity(Number(pid))).not.toBe(identity), { timeout: 5_000 });
    } else {
      process.kill(Number(pid));
    }
  });
});
