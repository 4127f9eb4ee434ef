import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inheritedEnvironment } from './config.ts';

/** The path of a program on the PATH or where `go install` puts programs, `undefined` when there is none. */
export function findProgram(
  name: string,
  env: Readonly<Record<string, string | undefined>> = inheritedEnvironment(),
): string | undefined {
  const { PATH = '', GOBIN, GOPATH, HOME } = env;
  const folders = [
    ...PATH.split(delimiter),
    GOBIN,
    ...(GOPATH ?? '').split(delimiter).map((path) => path && join(path, 'bin')),
    HOME && join(HOME, 'go', 'bin'),
  ];
  return folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
