/** What the compose suite takes from its environment. */

/** All that the docker command inherits: where it and its engine are. A PORT or LOG_LEVEL of ours must not reach it. */
export function dockerEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const wanted = Object.entries(env).filter(
    ([name]) => name === 'PATH' || name === 'HOME' || name.startsWith('DOCKER_'),
  );
  return Object.fromEntries(wanted) as Record<string, string>;
}
