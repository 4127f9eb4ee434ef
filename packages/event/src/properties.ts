/** The limits of an event's `properties`, and their JSON text. */

const MAX_KEYS = 64;
const MAX_DEPTH = 8;
const MAX_BYTES = 16 * 1_024;

/** The object as JSON text that Postgres takes as jsonb, or what is wrong with it. */
export type CheckedProperties =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly problem: string };

/**
 * Checks a value out of parseJson: an object of at most 64 keys, 8 levels and 16 KiB as JSON.
 *
 * What jsonb would refuse later is handled here: a NUL and a number beyond a double (parseJson makes
 * it infinite) are refused, lone surrogates become U+FFFD.
 */
export function checkProperties(value: unknown): CheckedProperties {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('must be an object');
  if (Object.keys(value).length > MAX_KEYS) return refuse(`must have at most ${MAX_KEYS} keys`);
  const problem = problemIn(value, 1);
  if (problem !== undefined) return refuse(problem);
  const json = JSON.stringify(value);
  if (json.length > MAX_BYTES || (json.length * 3 > MAX_BYTES && Buffer.byteLength(json) > MAX_BYTES)) {
    return refuse(`must have at most ${MAX_BYTES} bytes as JSON`);
  }
  // JSON.stringify writes a lone surrogate as an escape, and only then can there be this text.
  return { ok: true, json: json.includes('\\ud') ? JSON.stringify(wellFormed(value)) : json };
}

function refuse(problem: string): CheckedProperties {
  return { ok: false, problem };
}

/** Walks down to MAX_DEPTH only, so that no depth a client sends can exhaust the stack. */
function problemIn(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value.includes('\0') ? 'must not contain a NUL character' : undefined;
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'must not contain a number beyond a double';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_DEPTH) return `must have at most ${MAX_DEPTH} levels`;
  for (const [key, child] of Object.entries(value)) {
    if (key.includes('\0')) return 'must not contain a NUL character';
    const problem = problemIn(child, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A copy with every key and string well-formed. `fromEntries` keeps an own `__proto__` a plain key. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key.toWellFormed(), wellFormed(child)]),
  );
}
