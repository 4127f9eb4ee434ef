/**
 * Reads a service's settings from its environment, once, before anything else happens.
 *
 * Each service has one valibot schema whose keys are the names of the variables. All problems are
 * reported together, one line each, and none of them repeats a value: a value can be a secret.
 */
import { readFileSync } from 'node:fs';
import * as v from 'valibot';

/** What the environment got wrong; `problems` holds one sentence a variable. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`wrong settings:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * The settings that `schema` asks for.
 *
 * `NAME_FILE` names a file that holds the value of `NAME` (a mounted secret); an empty variable
 * counts as absent, as compose files write them.
 *
 * @throws {ConfigError} naming every variable that is missing or wrong.
 */
export function readConfig<const S extends v.ObjectSchema<v.ObjectEntries, undefined>>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): v.InferOutput<S> {
  const problems: string[] = [];
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.entries)) {
    const value = settingOf(name, env, problems);
    if (value) given[name] = value;
  }
  const parsed = v.safeParse(schema, given);
  if (!parsed.success) {
    for (const issue of parsed.issues) {
      const name = v.getDotPath(issue) ?? 'environment';
      // It is named already, by its file.
      if (problems.some((problem) => problem.startsWith(`${name}_FILE `))) continue;
      problems.push(given[name] === undefined ? `${name} is required` : `${name} ${issue.message}`);
    }
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.output;
}

function settingOf(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(`${name}_FILE can't be read (${(error as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

/** A whole number within bounds, `fallback` when absent. The unit belongs into the variable's name. */
export function integer(fallback: number, min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}$/, message),
      v.transform(Number),
      v.minValue(min, message),
      v.maxValue(max, message),
    ),
    String(fallback),
  );
}

/** A TCP port; 0 asks for any free one. */
export function port(fallback: number) {
  return integer(fallback, 0, 65_535);
}

/** A required URL of one of `protocols` (each with its colon). The message never shows the value. */
export function serverUrl(...protocols: readonly string[]) {
  const message = `must be a URL starting with ${wordsOf(protocols)}`;
  return v.pipe(
    v.string(),
    v.check((text) => isUrlOf(protocols, text), message),
  );
}

/** One or more such URLs, separated by commas. */
export function serverUrls(...protocols: readonly string[]) {
  const message = `must be URLs starting with ${wordsOf(protocols)}, separated by commas`;
  return v.pipe(
    v.string(),
    v.transform((list) => list.split(',').map((url) => url.trim())),
    v.check((urls) => urls.every((url) => isUrlOf(protocols, url)), message),
  );
}

function wordsOf(protocols: readonly string[]): string {
  return protocols.map((protocol) => `${protocol}//`).join(' or ');
}

function isUrlOf(protocols: readonly string[], text: string): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** One of a closed set of words. */
export function oneOf<const W extends readonly string[]>(fallback: W[number], words: W) {
  return v.optional(v.picklist(words, `must be one of ${words.join(', ')}`), fallback);
}

/** Free text of at most 200 characters. */
export function text(fallback: string) {
  return v.optional(v.pipe(v.string(), v.maxLength(200, 'must have at most 200 characters')), fallback);
}

/** What every service has. */
export const serviceEntries = {
  /** How much it says. */
  LOG_LEVEL: oneOf('info', ['debug', 'info', 'warn', 'error']),
  /** What it was built from, such as a commit; shown by /livez. */
  SOURCE_VERSION: text('dev'),
};
