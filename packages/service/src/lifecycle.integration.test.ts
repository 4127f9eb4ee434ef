import { afterAll, describe, expect, it } from 'vitest';
import { type NodeProcess, startNode } from './testing/node-process.ts';

const importing = (names: string, file: string) =>
  `import ${names} from '${new URL(file, import.meta.url).href}';`;

const started: NodeProcess[] = [];
// Not onTestFinished, which takes concurrent tests for one another.
afterAll(() => Promise.all(started.map((running) => running.stop())));

/** Runs `body` as the start of a service, with `log`, `onStop` and `fail` at hand. */
async function service(body: string): Promise<NodeProcess> {
  const program = [
    importing('{ ConfigError }', './config.ts'),
    importing('{ runService }', './lifecycle.ts'),
    // Holds the process as a server would.
    'const held = setInterval(() => undefined, 60_000);',
    `await runService('probe', async ({ log, onStop, stop, fail }) => { ${body} });`,
  ].join('\n');
  const running = await startNode(['--input-type=module', '--eval', program]);
  started.push(running);
  return running;
}

/** A service whose step `name` says so, and does nothing else. */
const step = (name: string) => `onStop('${name}', () => log.info('${name}'));`;
const said = (running: NodeProcess) => running.lines.map(({ msg }) => msg);

describe.concurrent('a service', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'told to stop by %s runs its steps, the last first',
    async (signal) => {
      const running = await service(step('first') + step('second') + step('third'));
      await running.logged('started');
      running.kill(signal);
      expect(await running.exited).toEqual({ code: 0, signal: null });
      expect(said(running)).toEqual(['started', 'stopping', 'third', 'second', 'first', 'stopped']);
      expect(running.lines.at(-1)).toMatchObject({ level: 'info', service: 'probe', clean: true });
    },
  );

  it('that stops itself runs its steps, says why, and exits as it asks', async () => {
    const running = await service(`${step('first')} stop('done', 3); stop('done again', 4);`);
    expect(await running.exited).toEqual({ code: 3, signal: null });
    expect(said(running)).toEqual(['stopping', 'first', 'stopped']);
    expect(running.lines[0]).toMatchObject({ reason: 'done' });
  });

  it('goes on past a step that fails, says which, and exits with 1', async () => {
    const failing = `onStop('bad', async () => { throw new Error('no', { cause: { detail: 'alice' } }) });`;
    const running = await service(step('first') + failing + step('last'));
    await running.logged('started');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(said(running).slice(1)).toEqual([
      'stopping',
      'last',
      'a step of the stop failed',
      'first',
      'stopped',
    ]);
    expect(await running.logged('a step of the stop failed')).toMatchObject({
      level: 'error',
      step: 'bad',
      err: { message: 'no' },
    });
    expect(JSON.stringify(running.lines)).not.toContain('alice');
  });

  it('told twice stops once', async () => {
    const waiting = `onStop('waiting', () => new Promise((resolve) => {
      log.info('waiting');
      process.once('SIGTERM', () => resolve());
    }));`;
    const running = await service(step('first') + waiting);
    await running.logged('started');
    running.kill('SIGTERM');
    await running.logged('waiting');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(said(running)).toEqual(['started', 'stopping', 'waiting', 'first', 'stopped']);
  });

  it('told to stop while it starts stops what there is', async () => {
    const running = await service(
      `${step('first')} log.info('starting'); await new Promise(() => undefined);`,
    );
    await running.logged('starting');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(said(running)).toEqual(['starting', 'stopping', 'first', 'stopped']);
  });

  it('told to stop while it starts stops what it starts after that, too', async () => {
    const running = await service(`
      const stopped = Promise.withResolvers();
      onStop('first', async () => { stopped.resolve(); await new Promise((resolve) => setImmediate(resolve)); });
      log.info('starting');
      await stopped.promise;
      ${step('late')}
    `);
    await running.logged('starting');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(said(running)).toEqual(['starting', 'stopping', 'late', 'stopped']);
  });

  it('that fails to start because it is being stopped has not failed', async () => {
    const running = await service(`
      const stopped = Promise.withResolvers();
      onStop('first', () => stopped.reject(new Error('gone')));
      log.info('starting');
      await stopped.promise;
    `);
    await running.logged('starting');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(said(running)).toEqual(['starting', 'stopping', 'stopped']);
  });

  it('with wrong settings says so in one plain line and exits with 1', async () => {
    const running = await service(
      `throw new ConfigError(['PORT must be a whole number', 'REDIS_URL is required'])`,
    );
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(running.lines).toEqual([
      {
        level: 'fatal',
        time: expect.any(String),
        service: 'probe',
        pid: running.pid,
        msg: 'wrong settings:\n  PORT must be a whole number\n  REDIS_URL is required',
      },
    ]);
  });

  it.each([
    ['throws while it starts', `throw new Error('broken')`, 'could not start'],
    ['throws outside of any promise', `setImmediate(() => { throw new Error('broken') })`, 'uncaught error'],
    ['leaves a rejection to nobody', `void Promise.reject(new Error('broken'))`, 'unhandled rejection'],
    ['sees no way on', `fail('no way on', new Error('broken'))`, 'no way on'],
  ])('that %s says so and exits with 1, without its steps', async (_, body, msg) => {
    const running = await service(step('first') + body);
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(await running.logged(msg)).toMatchObject({ level: 'fatal', err: { message: 'broken' } });
    expect(said(running)).not.toContain('first');
  });

  it('whose step never ends gives up at the deadline, runs the rest and exits with 1', async () => {
    // Nothing else keeps the process alive meanwhile.
    const stuck = `onStop('stuck', () => { clearInterval(held); return new Promise(() => undefined); });`;
    const running = await service(step('first') + stuck);
    await running.logged('started');
    running.kill('SIGTERM');
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect(said(running)).toEqual(['started', 'stopping', 'a step of the stop failed', 'first', 'stopped']);
  });
});
