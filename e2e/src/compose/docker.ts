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
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd: projectDir,
      env: { ...dockerEnvironment(), ...env },
      maxBuffer: MOST_OUTPUT_BYTES,
    });
    // Such as a variable that isn't set, or a key that compose doesn't know.
    if (stderr.includes('level=warning')) throw Object.assign(new Error('it warned'), { stderr });
    return stdout;
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: unknown };
    const words =
      code === 'ENOENT'
        ? 'there is no docker on the PATH; see docker/engine.sh'
        : (stderr ?? '').trim().split('\n').slice(-15).join('\n');
    throw new Error(`${command} ${args.slice(0, 8).join(' ')}: ${words}`, { cause: error });
  }
}
