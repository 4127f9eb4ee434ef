import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** The folder of the whole project: services are found below it, and `.data` is made in it. */
const PROJECT_DIR = fileURLToPath(new URL('../../../', import.meta.url));

/** More than this on one machine only fight for its cores. */
const MOST_WORKERS = 64;

const OPTIONS = [
  { flag: 'port', variable: 'PORT', value: 'N', fallback: '8080', about: 'where ingest listens' },
  { flag: 'stats-port', variable: 'STATS_PORT', value: 'N', fallback: '8081', about: 'where stats listens' },
  { flag: 'workers', variable: 'WORKERS', value: 'N', fallback: '2', about: 'how many workers run' },
  {
    flag: 'redis-url',
    variable: 'REDIS_URL',
    value: 'URL',
    fallback: '',
    about: 'your Redis, instead of one of ours',
  },
  {
    flag: 'database-url',
    variable: 'DATABASE_URL',
    value: 'URL',
    fallback: '',
    about: 'your Postgres, instead of one of ours',
  },
  {
    flag: 'data-dir',
    variable: 'DATA_DIR',
    value: 'DIR',
    fallback: '.data',
    about: 'what survives a restart',
  },
] as const;

type Flag = (typeof OPTIONS)[number]['flag'];

export interface StartConfig {
  port: number;
  statsPort: number;
  workers: number;
  /** A Redis that runs already. Absent: one is started. */
  redisUrl: string | undefined;
  /** A Postgres that runs already, as its tables' owner. Absent: one is started. */
  databaseUrl: string | undefined;
  dataDir: string;
  /** Start a service again when its sources change. */
  watch: boolean;
  projectDir: string;
  /** What the services inherit. */
  environment: NodeJS.ProcessEnv;
}

export type Arguments =
  | { kind: 'start'; config: StartConfig }
  | { kind: 'help'; text: string }
  | { kind: 'wrong'; problems: string[] };

/** Reads flags and the environment, flags first. All problems are reported at once. */
export function readArguments(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Arguments {
  const flags = parseFlags(argv);
  if (typeof flags === 'string') return { kind: 'wrong', problems: [flags] };
  if (flags.help) return { kind: 'help', text: helpText() };

  const problems: string[] = [];
  const given = (flag: Flag) => flags[flag] || environment[option(flag).variable] || undefined;
  const number = (flag: Flag, least: number, most: number) => {
    const text = given(flag) ?? option(flag).fallback;
    const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    problems.push(`${named(flag)} must be a number from ${least} to ${most}, not "${text}"`);
    return least;
  };
  const url = (flag: Flag, protocols: readonly string[]) => {
    const text = given(flag);
    // The value isn't repeated in the message: it may hold a password.
    if (text && !protocols.includes(URL.parse(text)?.protocol ?? '')) {
      problems.push(
        `${named(flag)} must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`,
      );
    }
    return text;
  };

  const config: StartConfig = {
    port: number('port', 1, 65_535),
    statsPort: number('stats-port', 1, 65_535),
    workers: number('workers', 0, MOST_WORKERS),
    redisUrl: url('redis-url', ['redis:', 'rediss:']),
    databaseUrl: url('database-url', ['postgres:', 'postgresql:']),
    dataDir: resolve(given('data-dir') ?? resolve(PROJECT_DIR, option('data-dir').fallback)),
    watch: flags.watch === true,
    projectDir: PROJECT_DIR,
    environment,
  };
  if (problems.length === 0 && config.port === config.statsPort) {
    problems.push(`${named('port')} and ${named('stats-port')} are both ${config.port}`);
  }
  return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'start', config };
}

function parseFlags(
  argv: readonly string[],
): (Partial<Record<Flag, string>> & { help?: boolean; watch?: boolean }) | string {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      // `pnpm start -- --port 1` hands the separator on.
      args: argv[0] === '--' ? argv.slice(1) : [...argv],
      options: {
        help: { type: 'boolean', short: 'h' },
        watch: { type: 'boolean' },
        port: text,
        'stats-port': text,
        workers: text,
        'redis-url': text,
        'database-url': text,
        'data-dir': text,
      },
    }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function option(flag: Flag): (typeof OPTIONS)[number] {
  const found = OPTIONS.find((each) => each.flag === flag);
  if (!found) throw new Error(`no option ${flag}`);
  return found;
}

function named(flag: Flag): string {
  return `${option(flag).variable} (--${flag})`;
}

function helpText(): string {
  const rows = OPTIONS.map(({ flag, variable, value, fallback, about }) => {
    const left = `  --${flag} ${value}`.padEnd(24) + variable.padEnd(14);
    return `${left}${about}${fallback ? ` (${fallback})` : ''}`;
  });
  return [
    'Starts Sluice on this machine: Redis, Postgres, ingest, the workers and stats.',
    '',
    'npx -y pnpm@12 start [options]',
    '',
    '  flag                  or variable',
    ...rows,
    '  --watch                             start a service again when its sources change (pnpm dev)',
    '  --help                              this text',
    '',
    'The services get their own settings from the environment (see README.md), such as WEB_CONCURRENCY=0 for an',
    'ingest on all cores.',
    '',
    'Ctrl-C stops everything in order, a second Ctrl-C at once. Logs are in DATA_DIR/logs.',
    '',
  ].join('\n');
}
