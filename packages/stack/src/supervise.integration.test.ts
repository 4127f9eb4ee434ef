import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { launch } from './launch.ts';
import { supervise } from './supervise.ts';

/** A program that runs until it is stopped. */
const STAYS = 'setInterval(() => {}, 1000); console.log("up")';

function program(script: string) {
  const args = ['-e', script];
  return launch({ command: process.execPath, args, stopSignal: 'SIGTERM', graceMs: 5_000 });
}

describe('a supervised child', () => {
  test('is started again when it dies, which is said in one line, and so is its return', async () => {
    const lines: string[] = [];
    const child = await supervise({
      name: 'worker-1',
      start: () => program(STAYS),
      say: (line) => lines.push(line),
    });
    onTestFinished(() => child.stop());
    const first = child.current();
    first?.kill('SIGKILL');
    await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 10_000 });
    expect(lines[0]).toBe('worker-1 died (ended by SIGKILL), starting it again in 0.3 s');
    expect(lines[1]).toMatch(/^worker-1 is back after \d+\.\d s$/);
    expect(child.current()?.pid).not.toBe(first?.pid);
  });

  test('that dies again and again is started ever less often', async () => {
    const lines: string[] = [];
    const start = () => program('process.exit(3)');
    const ready = () => Promise.reject(new Error('never'));
    const child = await supervise({ name: 'stats', start, ready, say: (line) => lines.push(line) });
    onTestFinished(() => child.stop());
    await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(3), { timeout: 20_000 });
    expect(lines.slice(0, 3)).toEqual(
      ['0.3 s', '0.5 s', '1.0 s'].map((delay) => `stats died (exit code 3), starting it again in ${delay}`),
    );
  });

  test('whose next start fails is tried again', async () => {
    const lines: string[] = [];
    let starts = 0;
    const start = () => {
      starts += 1;
      return starts === 2 ? Promise.reject(new Error('no room')) : program(STAYS);
    };
    const child = await supervise({ name: 'redis', start, say: (line) => lines.push(line) });
    onTestFinished(() => child.stop());
    child.current()?.kill('SIGKILL');
    await vi.waitFor(() => expect(lines.at(-1)).toContain('is back'), { timeout: 10_000 });
    expect(lines[1]).toBe('redis died (no room), starting it again in 0.5 s');
  });

  test('stays away once it is stopped, even when that comes while it waits for its next start', async () => {
    const lines: string[] = [];
    const child = await supervise({
      name: 'ingest',
      start: () => program(STAYS),
      say: (line) => lines.push(line),
    });
    child.current()?.kill('SIGKILL');
    await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 10_000 });
    await child.stop();
    expect(child.current()).toBeUndefined();
    expect(lines).toHaveLength(1);
  });

  test('is killed when it does not heed its stop signal', async () => {
    const script = `process.on('SIGTERM', () => {}); ${STAYS}`;
    const args = ['-e', script];
    const heard = Promise.withResolvers<void>();
    const running = await launch({
      command: process.execPath,
      args,
      stopSignal: 'SIGTERM',
      graceMs: 200,
      onLine: () => heard.resolve(),
    });
    await heard.promise;
    await running.stop();
    expect(await running.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('whose first start fails is an error of who asked', async () => {
    const start = () => Promise.reject(new Error('no room'));
    await expect(supervise({ name: 'x', start, say: () => {} })).rejects.toThrow('no room');
  });
});
