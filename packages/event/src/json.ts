/**
 * JSON.parse without a fault that V8 has had since 2025 (nodejs/node#63785, in Node 24 to 26).
 *
 * Once it has read a key with a backslash in it, V8 takes later keys for that one: with `{"\\":0}` read
 * before, `{"\n":1}` comes out with the key `\`, and another client's event would be stored with a key
 * that it never had. So V8 is never shown such a key: in a text with an escaped backslash, which is
 * rare, another character stands for it until the text is read.
 */

/** From left to right, so that the second half of one is never taken for the beginning of the next. */
const ESCAPED_BACKSLASH = /\\\\|\\u005c/gi;
const FIRST_PRIVATE_USE = 0xe000;

/**
 * The value of a JSON text. An object with an escaped backslash in a key has no prototype.
 *
 * @throws {SyntaxError} when it is none.
 */
export function parseJson(text: string): unknown {
  // The first search is far cheaper, and nearly always the only one.
  if (!text.includes('\\') || text.search(ESCAPED_BACKSLASH) === -1) return JSON.parse(text);
  const standIn = unusedIn(text);
  return restored(JSON.parse(text.replace(ESCAPED_BACKSLASH, standIn)), standIn);
}

/**
 * Whether a JSON text has no escape, and so no string that needs one: none with a quote, a backslash, a
 * control character or a lone surrogate in it. One look at the text saves looking at each of its strings.
 */
export function isPlain(text: string): boolean {
  return !text.includes('\\') && text.isWellFormed();
}

/** A character that the text has neither as itself nor as an escape. */
function unusedIn(text: string): string {
  const lowerCase = text.toLowerCase();
  let code = FIRST_PRIVATE_USE;
  while (text.includes(String.fromCharCode(code)) || lowerCase.includes(`\\u${code.toString(16)}`)) code += 1;
  return String.fromCharCode(code);
}

/** `read` with its backslashes. By a list of what is left, not by recursion: its depth is for a client to choose. */
function restored(read: unknown, standIn: string): unknown {
  const left: object[] = [];
  const begun = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replaceAll(standIn, '\\');
    if (typeof value !== 'object' || value === null) return value;
    const own = Array.isArray(value) ? value : withKeysRestored(value as JsonObject, standIn);
    left.push(own);
    return own;
  };
  const whole = begun(read);
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const holder = next as JsonObject;
    const keys = Array.isArray(next) ? next.keys() : Object.keys(next);
    for (const key of keys) holder[key] = begun(holder[key]);
  }
  return whole;
}

type JsonObject = Record<string, unknown>;

/** The object itself, or a copy with its keys in the same order. */
function withKeysRestored(object: JsonObject, standIn: string): JsonObject {
  const keys = Object.keys(object);
  if (!keys.some((key) => key.includes(standIn))) return object;
  // Without a prototype, `__proto__` is a key like others.
  const copy = Object.create(null) as JsonObject;
  for (const key of keys) copy[key.replaceAll(standIn, '\\')] = object[key];
  return copy;
}
