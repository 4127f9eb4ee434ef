/** The real `sluice` command as a process, and what it said. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** It takes a second or two; what takes longer hangs. */
const ENDS_WITHIN_MS = 60_000;

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs it with nothing in its environment but `env`. */
export function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve) => {
    const options = { env, timeout: ENDS_WITHIN_MS, maxBuffer: 64 * 1_024 * 1_024 };
    const child = execFile(process.execPath, [MAIN, ...args], options, (_, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}
