import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeExit, launch } from '@sluice/stack/launch';
import { inheritedEnvironment } from '../system/config.ts';
import type { Pace, Sent } from './paced-sender.ts';

const PROGRAM = fileURLToPath(new URL('./main.ts', import.meta.url));
const GRACE_MS = 10_000;

export interface Sender {
  readonly pid: number;
  /** Rejects when the sender failed. */
  readonly done: Promise<Sent>;
  /** Ends it early; `done` tells what came of it. */
  stop(): void;
}

/** @param dir an existing folder for the requests. */
export async function startSender(dir: string, pace: Pace): Promise<Sender> {
  const file = join(dir, `pace-${pace.port}.json`);
  await writeFile(file, JSON.stringify(pace));
  const running = await launch({
    command: process.execPath,
    args: [PROGRAM, file],
    env: inheritedEnvironment(),
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS,
  });
  const done = running.exited.then((exit) => {
    const lines = running.tail();
    if (exit.code !== 0) throw new Error(`the sender ended (${describeExit(exit)}): ${lines.at(-1)}`);
    return JSON.parse(lines.at(-1) ?? '') as Sent;
  });
  done.catch(() => undefined);
  return { pid: running.pid, done, stop: () => running.kill('SIGTERM') };
}

/** The bytes of a `POST` of JSON. */
export function postBytes(path: string, json: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}

/** The bytes of a `GET`. */
export function getBytes(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\n\r\n`;
}
