/** What a command line asks for. Wrong words are answered with what would have been right. */
import { parseArgs } from 'node:util';

export const HELP = `sluice: look after a running Sluice

  sluice dead-letters list [--limit N] [--json]     what could not be stored, newest first
  sluice dead-letters show FINGERPRINT              one letter, with its payload
  sluice dead-letters replay FINGERPRINT | --all    send it through the stream again; never doubles
  sluice dead-letters drop FINGERPRINT | --all      forget it
  sluice verify [--site ID] [--from DAY] [--to DAY] [--json]
                                                    recount rows against the kept counts; exit 1 if they differ
  sluice verify --repair                            and rebuild the counts of the days that differ

FINGERPRINT may be cut short as long as it is clear which letter is meant. A DAY is YYYY-MM-DD, in UTC.
Environment: DATABASE_URL (owner of the tables); for replay REDIS_URL, or
REDIS_CLUSTER_URLS and STREAM_SHARDS, as ingest has them.
`;

export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'wrong'; readonly problem: string }
  | { readonly name: 'list'; readonly limit: number; readonly json: boolean }
  | { readonly name: 'show'; readonly fingerprint: string }
  | { readonly name: 'replay' | 'drop'; readonly fingerprint: string | undefined }
  | { readonly name: 'verify'; readonly verify: VerifyOptions };

export interface VerifyOptions {
  /** All sites when absent. */
  readonly site: string | undefined;
  /** UTC days as YYYY-MM-DD, both included; all days when absent. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly repair: boolean;
  readonly json: boolean;
}

const OPTIONS = {
  all: { type: 'boolean', default: false },
  from: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
  json: { type: 'boolean', default: false },
  limit: { type: 'string', default: '20' },
  repair: { type: 'boolean', default: false },
  site: { type: 'string' },
  to: { type: 'string' },
} as const;

/** @param args the words after the command's own name. */
export function readCommand(args: readonly string[]): Command {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { values, positionals } = parsed;
  const [noun, verb, fingerprint, ...more] = positionals;
  if (values.help || noun === undefined || noun === 'help') return { name: 'help' };
  if (noun === 'verify') return verb === undefined ? verifyOf(values) : wrong(`verify takes no ${verb}`);
  if (noun !== 'dead-letters') return wrong(`there is no command ${noun}`);
  if (more.length > 0) return wrong(`too many words: ${more.join(' ')}`);
  switch (verb) {
    case 'list':
      if (fingerprint !== undefined) return wrong(`list takes no ${fingerprint}`);
      return /^[1-9]\d{0,5}$/.test(values.limit)
        ? { name: 'list', limit: Number(values.limit), json: values.json }
        : wrong('--limit must be a whole number from 1 to 999999');
    case 'show':
      return isFingerprint(fingerprint) ? { name: 'show', fingerprint } : wrong('show needs a fingerprint');
    case 'replay':
    case 'drop':
      if (values.all && fingerprint === undefined) return { name: verb, fingerprint: undefined };
      if (!values.all && isFingerprint(fingerprint)) return { name: verb, fingerprint };
      return wrong(`${verb} needs a fingerprint or --all`);
    default:
      return wrong('dead-letters needs one of list, show, replay, drop');
  }
}

function verifyOf(values: {
  site?: string;
  from?: string;
  to?: string;
  repair: boolean;
  json: boolean;
}): Command {
  for (const day of ['from', 'to'] as const) {
    const given = values[day];
    if (given !== undefined && !isDay(given)) return wrong(`--${day} must be a day as YYYY-MM-DD`);
  }
  const { site, from, to, repair, json } = values;
  return { name: 'verify', verify: { site, from, to, repair, json } };
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isFingerprint(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{4,64}$/.test(text);
}

function wrong(problem: string): Command {
  return { name: 'wrong', problem };
}
