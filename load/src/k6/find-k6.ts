/** How k6 can be run here: the program, else its image, else not at all. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../system/find-program.ts';

/** Where the scripts are, without a slash at its end. */
const SCRIPTS = fileURLToPath(new URL('../../k6', import.meta.url));
const VERSION = '1.8.1';
/** What scripts are told through their environment, see k6/settings.js; an image gets no other variables. */
const SETTINGS = ['TARGET', 'STATS_TARGET', 'RATE', 'DURATION', 'P99_MS', 'BATCH', 'FACTOR', 'DROPPED'];

export const HOW_TO_GET_K6 = `k6 is needed, as a program or as an image. One of these gets it:

  go install go.k6.io/k6@v${VERSION}
  docker pull grafana/k6:${VERSION}

or see https://grafana.com/docs/k6/latest/set-up/install-k6/`;

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** Names of scripts that can be run: those that others don't only import. */
export function scriptNames(): string[] {
  const shared = ['events', 'settings', 'summary'];
  return readdirSync(SCRIPTS)
    .flatMap((file) => (file.endsWith('.js') ? [file.slice(0, -'.js'.length)] : []))
    .filter((name) => !shared.includes(name))
    .toSorted();
}

/**
 * The command that runs a script, `undefined` when there is nothing to run it with.
 *
 * @param more arguments of k6, such as `-e RATE=100`.
 */
export function k6Command(
  script: string,
  more: readonly string[],
  find: (program: string) => string | undefined = findProgram,
  platform: NodeJS.Platform = process.platform,
): Command | undefined {
  const k6 = find('k6');
  if (k6 !== undefined) return { program: k6, args: ['run', ...more, `${SCRIPTS}/${script}.js`] };
  const docker = find('docker');
  if (docker === undefined) return undefined;
  // Outside Linux a container's own loopback is not ours, and this name is.
  const local = platform === 'linux' ? ['--network', 'host'] : hostTargets();
  const settings = SETTINGS.flatMap((name) => ['-e', name]);
  return {
    program: docker,
    args: [
      ...['run', '--rm', '-i', ...local, ...settings, '-v', `${SCRIPTS}:/scripts:ro`],
      ...[`grafana/k6:${VERSION}`, 'run', ...more, `/scripts/${script}.js`],
    ],
  };
}

function hostTargets(): string[] {
  return [
    '-e',
    'TARGET=http://host.docker.internal:8080',
    '-e',
    'STATS_TARGET=http://host.docker.internal:8081',
  ];
}
