import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from './free-port.ts';
import { launch, type Running } from './launch.ts';
import { type Child, findOrphans } from './orphans.ts';
import { tempDir } from './testing/temp-dir.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const STATS_SOURCE = fileURLToPath(new URL('../../../services/stats/src/report.ts', import.meta.url));
const READY_WITHIN_MS = 90_000;

interface Start {
  running: Running;
  lines: string[];
  port: number;
  ready(): Promise<void>;
}

interface StartOptions {
  dataDir: string;
  port?: number;
  flags?: string[];
  path?: string;
}

async function start({ dataDir, port, flags = [], path }: StartOptions): Promise<Start> {
  const lines: string[] = [];
  const own = port ?? (await freePort());
  const args = [
    '--data-dir',
    dataDir,
    '--port',
    String(own),
    '--stats-port',
    String(await freePort()),
    ...flags,
  ];
  const running = await launch({
    // env, because only the PATH differs from ours.
    command: 'env',
    args: [...(path === undefined ? [] : [`PATH=${path}`]), process.execPath, MAIN, ...args],
    stopSignal: 'SIGTERM',
    graceMs: 60_000,
    onLine: (line) => lines.push(line),
  });
  onTestFinished(() => running.stop());
  let ended = false;
  void running.exited.then(() => {
    ended = true;
  });
  const ready = () => {
    return vi.waitUntil(
      () => {
        if (ended) throw new Error(`it ended:\n${lines.join('\n')}`);
        return lines.includes('sluice ready');
      },
      { timeout: READY_WITHIN_MS, interval: 50 },
    );
  };
  return { running, lines, port: own, ready: async () => void (await ready()) };
}

function child(dataDir: string, name: string): Child {
  const found = findOrphans(dataDir).find((each) => each.name === name);
  if (!found) throw new Error(`no ${name} runs`);
  return found;
}

/** A folder with the programs a start needs, and none that could tell the kernel of a parent's death. */
function pathWithoutSetpriv(): string {
  const dir = tempDir();
  chmodSync(dir, 0o755);
  for (const program of ['redis-server', 'valkey-server', 'test', 'id', 'ps', 'sh', 'sleep']) {
    const found = which(program);
    if (found) symlinkSync(found, join(dir, program));
  }
  symlinkSync(process.execPath, join(dir, 'node'));
  return dir;
}

/** Not `command -v`, which gives no path for what the shell has built in. */
function which(program: string): string | undefined {
  const search = 'IFS=:; for dir in $PATH; do [ -x "$dir/$1" ] && echo "$dir/$1" && break; done; true';
  return execFileSync('sh', ['-c', search, 'sh', program], { encoding: 'utf8' }).trim() || undefined;
}

describe('pnpm start', () => {
  test('comes up, ends everything with 0 on SIGTERM, and comes up again on the same data and ports', async () => {
    const dataDir = tempDir();
    const first = await start({ dataDir });
    await first.ready();
    const places = first.lines.filter((line) => /^ {2}(redis|postgres) /.test(line));
    expect(findOrphans(dataDir).map(({ name }) => name)).toEqual([
      ...['redis', 'postgres', 'stats', 'worker-1', 'worker-2', 'ingest'],
    ]);
    first.running.kill('SIGTERM');
    expect(await first.running.exited).toEqual({ code: 0, signal: null });
    expect(findOrphans(dataDir)).toEqual([]);

    const second = await start({ dataDir, flags: ['--workers', '1'] });
    await second.ready();
    expect(second.lines.filter((line) => /^ {2}(redis|postgres) /.test(line))).toEqual(places);
  });

  test('starts again, saying so, what is killed', async () => {
    const dataDir = tempDir();
    const { lines, ready } = await start({ dataDir, flags: ['--workers', '1'] });
    await ready();
    for (const name of ['worker-1', 'redis', 'postgres', 'ingest']) {
      process.kill(child(dataDir, name).pid, 'SIGKILL');
    }
    for (const name of ['worker-1', 'redis', 'postgres', 'ingest']) {
      const back = () => expect(lines.some((line) => line.startsWith(`${name} is back`))).toBe(true);
      await vi.waitFor(back, { timeout: 60_000, interval: 50 });
      expect(lines).toContain(`${name} died (ended by SIGKILL), starting it again in 0.3 s`);
    }
  });

  test('starts a service again when its sources change, if it is to watch them', async () => {
    const dataDir = tempDir();
    const { running, ready } = await start({ dataDir, flags: ['--workers', '0', '--watch'] });
    await ready();
    const started = () => {
      const log = readFileSync(join(dataDir, 'logs', 'stats.log'), 'utf8');
      return log.split('\n').filter((line) => line.includes('"msg":"listening"')).length;
    };
    expect(started()).toBe(1);
    const now = new Date();
    utimesSync(STATS_SOURCE, now, now);
    await vi.waitUntil(() => started() === 2, { timeout: 30_000, interval: 50 });
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
  });

  test('ends what an earlier start left behind when it was killed, and comes up on its ports', async () => {
    const dataDir = tempDir();
    // Without setpriv nobody but root could enter it otherwise.
    chmodSync(dataDir, 0o755);
    const first = await start({ dataDir, flags: ['--workers', '1'], path: pathWithoutSetpriv() });
    await first.ready();
    first.running.kill('SIGKILL');
    await first.running.exited;
    // Ingest and stats, at least: they have no parent to miss.
    expect(findOrphans(dataDir).length).toBeGreaterThan(0);
    const second = await start({ dataDir, port: first.port, flags: ['--workers', '1'] });
    await second.ready();
    expect(second.lines[0]).toContain('ending what an earlier start left behind: redis, postgres');
  });

  test('refuses a data folder on which another start runs, naming it', async () => {
    const dataDir = tempDir();
    const first = await start({ dataDir, flags: ['--workers', '0'] });
    await first.ready();
    const second = await start({ dataDir });
    expect(await second.running.exited).toEqual({ code: 1, signal: null });
    expect(second.lines).toEqual([
      `another start (pid ${first.running.pid}) runs on ${dataDir}: stop it, or set DATA_DIR (--data-dir)`,
    ]);
  });

  test('names a port that is taken and what changes it, before anything is started', async () => {
    const dataDir = tempDir();
    const server = createServer().listen(0, '0.0.0.0');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { running, lines } = await start({ dataDir, port });
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(lines).toEqual([
      `port ${port}, where ingest would listen, is taken (another program listens on it): ` +
        'set PORT (--port) to a free one',
    ]);
    expect(existsSync(join(dataDir, 'redis'))).toBe(false);
  });

  test('keeps what services log, as they log it', async () => {
    const dataDir = tempDir();
    const { ready } = await start({ dataDir, flags: ['--workers', '0'] });
    await ready();
    const log = readFileSync(join(dataDir, 'logs', 'ingest.log'), 'utf8')
      .trim()
      .split('\n');
    expect(log.every((line) => typeof JSON.parse(line) === 'object')).toBe(true);
  });

  test('is clear about a missing Redis that it may not install', async () => {
    const { running, lines } = await start({ dataDir: tempDir(), path: join(tempDir(), 'nothing') });
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(lines.join('\n')).toContain('Redis or Valkey, 7.0 or later is needed');
  });
});
