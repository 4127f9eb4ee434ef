/** pino's number for `warn`. */
const WARN_LEVEL = 40;
const LOUD_NAMES = new Set(['warn', 'error', 'fatal']);

/**
 * Whether a service's line of output is for the terminal too: a JSON log line of level warn or above, or anything
 * that is no log line at all (a stack trace, a warning of Node's own).
 */
export function isLoud(line: string): boolean {
  const level = levelOf(line);
  if (typeof level === 'number') return level >= WARN_LEVEL;
  if (typeof level === 'string') return LOUD_NAMES.has(level.toLowerCase());
  return line.trim() !== '';
}

function levelOf(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return (JSON.parse(line) as { level?: unknown }).level;
  } catch {
    return undefined;
  }
}
