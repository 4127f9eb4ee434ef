import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { describeExit, launch, type Running, type Server } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { findRedis } from './redis-binary.ts';

/** Loading an append-only file goes at some 100 MB/s: enough for one of ten gigabytes. */
const READY_WITHIN_MS = 120_000;
const ASK_AGAIN_MS = 20;
const ANSWER_WITHIN_MS = 1_000;
/** With every write on disk already there is little left to do at the end. */
const GRACE_MS = 10_000;

export interface RedisOptions {
  /** Where its append-only file lives; made when absent. */
  dir: string;
  port?: number;
  /** More of redis.conf, and over what is set here. */
  settings?: Record<string, string>;
  /** Gets each line of its log, which otherwise goes to `redis.log` in `dir`. */
  onLine?: (line: string) => void;
  onSpawn?: (pid: number) => void;
}

/**
 * Starts a Redis that has every acknowledged write on disk and never evicts, on the loopback only. Settles when it
 * has loaded its data and answers. Rejects, with its last words, when it ends before.
 */
export async function startRedis(options: RedisOptions): Promise<Server> {
  const { dir, port = await freePort(), settings = {} } = options;
  const found = await findRedis();
  if (!found.ok) throw new Error('there is no redis-server or valkey-server, 7.0 or later, on the PATH');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const log = options.onLine ? undefined : openLogFile(join(dir, 'redis.log'));
  const running = await launch({
    command: found.program,
    args: commandLine({ ...defaults(dir, port), ...settings }),
    cwd: dir,
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS,
    onLine: options.onLine ?? log?.write,
    onSpawn: options.onSpawn,
  });
  void running.exited.then(() => log?.close());

  const password = settings['requirepass'];
  await untilReady(running, port, password);
  const url = `redis://${password ? `:${encodeURIComponent(password)}@` : ''}127.0.0.1:${port}`;
  return { ...running, url, port, dir };
}

function defaults(dir: string, port: number): Record<string, string> {
  return {
    dir,
    port: String(port),
    bind: '127.0.0.1',
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    logfile: '',
  };
}

function commandLine(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function untilReady(running: Running, port: number, password: string | undefined): Promise<void> {
  let ended: string | undefined;
  void running.exited.then((exit) => {
    ended = describeExit(exit);
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const answer = await ask(port, `${password ? `AUTH ${password}\r\n` : ''}PING\r\nINFO server\r\n`);
    // Its own pid, because what answers may be another Redis that had the port before.
    if (answer.includes('+PONG') && answer.includes(`process_id:${running.pid}\r`)) return;
    if (ended !== undefined || Date.now() > deadline) break;
    await sleep(ASK_AGAIN_MS);
  }
  await running.stop();
  throw new Error(
    `redis on port ${port} isn't ready (${ended ?? 'time is up'}): ${running.tail().slice(-3).join(' / ')}`,
  );
}

/** What a server says to these inline commands before it pauses; empty when nobody is there. */
function ask(port: number, commands: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(commands));
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('process_id:')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}
