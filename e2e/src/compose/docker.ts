/** The docker command. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { projectDir } from '../project-dir.ts';
import { dockerEnvironment } from './config.ts';

const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs `docker ARGS` in the project's folder.
 *
 * @param env over what it inherits.
 * @returns its standard output.
 * @throws with its last words on standard error, when there is no engine too.
 */
export function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  return run('docker', args, env);
}

/** Runs one of the scripts in `docker/`, as docker() does. */
export function script(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return run(`${projectDir}/docker/${name}`, args, env);
}

async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const what = `${command} ${args.slice(0, 8).join(' ')}`;
  const options = {
    cwd: projectDir,
    env: { ...dockerEnvironment(), ...env },
    maxBuffer: MOST_OUTPUT_BYTES,
  };
  const { stdout, stderr } = await promisify(execFile)(command, args, options).catch((error: Failed) => {
    const words =
      error.code === 'ENOENT'
        ? 'there is no docker on the PATH; see docker/engine.sh'
        : (error.stderr ?? '').trim().split('\n').slice(-15).join('\n');
    throw new Error(`${what}: ${words}`, { cause: error });
  });
  // Such as a variable that isn't set, or a key that compose doesn't know.
  if (stderr.includes('level=warning')) throw new Error(`${what} warns: ${stderr}`);
  return stdout;
}

interface Failed extends Error {
  readonly code?: unknown;
  readonly stderr?: string;
}
