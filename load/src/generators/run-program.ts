import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inheritedEnvironment } from '../system/config.ts';

/** A report of hey's or k6's is a few KiB; this is for one with many errors in it. */
const MAX_OUTPUT_BYTES = 16 * 1_024 * 1_024;

/** What a program printed. Rejects with its last words when it failed. */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      env: { ...inheritedEnvironment(), ...env },
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`${program} failed: ${stderr?.trim().slice(-600) || message}`, { cause: error });
  }
}
