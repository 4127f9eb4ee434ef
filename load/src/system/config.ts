/** What the bench takes from its environment: how to find programs, and nothing else. */

/** All that services and load generators inherit; a REDIS_URL or PORT of ours must not reach them. */
export function inheritedEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'GOBIN', 'GOPATH']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
