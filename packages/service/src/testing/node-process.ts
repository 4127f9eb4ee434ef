/** A Node process of ours, and the lines of its log. */
import assert from 'node:assert/strict';
import { launch, type Running } from '@sluice/stack/launch';
import { vi } from 'vitest';

const GRACE_MS = 12_000;
const LOGGED_WITHIN_MS = 10_000;

export interface LogLine {
  readonly level?: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface NodeProcess extends Running {
  readonly lines: readonly LogLine[];
  /** The first line that says `msg`, once it is there. */
  logged(msg: string): Promise<LogLine>;
}

/** Starts `node` with these arguments and nothing in the environment but `env`. The caller stops it. */
export async function startNode(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<NodeProcess> {
  const lines: LogLine[] = [];
  const running = await launch({
    command: process.execPath,
    args,
    env,
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS,
    onLine: (line) => lines.push(read(line)),
  });
  const logged = async (msg: string) => {
    const found = () => lines.find((line) => line.msg === msg);
    await vi.waitFor(() => assert(found(), `"${msg}" is not in ${JSON.stringify(lines, null, 2)}`), {
      timeout: LOGGED_WITHIN_MS,
      interval: 10,
    });
    return found() as LogLine;
  };
  return { ...running, lines, logged };
}

/** What a process prints past its log, such as the words of Node itself, counts as a line with only those. */
function read(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
