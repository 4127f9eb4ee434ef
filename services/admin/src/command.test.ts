import { describe, expect, it } from 'vitest';
import { HELP, readCommand } from './command.ts';

const FINGERPRINT = 'ab'.repeat(32);
const read = (line: string) => readCommand(line.split(' ').filter(Boolean));
const wrong = (problem: unknown) => ({ name: 'wrong', problem });

describe('help', () => {
  it.each(['', 'help', '--help', '-h', 'verify --help', 'dead-letters drop -h'])(
    'is what %j asks for',
    (line) => {
      expect(read(line)).toEqual({ name: 'help' });
    },
  );

  it.each(['list', 'show', 'replay', 'drop', 'verify', '--repair', '--limit', '--json', 'DATABASE_URL'])(
    'tells of %s',
    (word) => {
      expect(HELP).toContain(word);
    },
  );
});

describe('dead-letters', () => {
  it('list shows twenty unless told otherwise', () => {
    expect(read('dead-letters list')).toEqual({ name: 'list', limit: 20, json: false });
    expect(read('dead-letters list --limit 500 --json')).toEqual({ name: 'list', limit: 500, json: true });
  });

  it.each(['0', '-1', '1.5', 'ten', '1000000', '1e3', ' 5'])('list takes no limit of %j', (limit) => {
    const given = readCommand(['dead-letters', 'list', `--limit=${limit}`]);
    expect(given).toEqual(wrong('--limit must be a whole number from 1 to 999999'));
  });

  it.each([FINGERPRINT, FINGERPRINT.slice(0, 4)])(
    'a fingerprint may be whole or cut short: %s',
    (fingerprint) => {
      expect(read(`dead-letters show ${fingerprint}`)).toEqual({ name: 'show', fingerprint });
      expect(read(`dead-letters replay ${fingerprint}`)).toEqual({ name: 'replay', fingerprint });
      expect(read(`dead-letters drop ${fingerprint}`)).toEqual({ name: 'drop', fingerprint });
    },
  );

  it.each(['', 'abc', `${FINGERPRINT}a`, 'ABCD', 'ghij', '%%%%', "abcd'"])('%j is no fingerprint', (text) => {
    expect(read(`dead-letters show ${text}`)).toEqual(wrong('show needs a fingerprint'));
    expect(read(`dead-letters replay ${text}`)).toEqual(wrong('replay needs a fingerprint or --all'));
    expect(read(`dead-letters drop ${text}`)).toEqual(wrong('drop needs a fingerprint or --all'));
  });

  it('replay and drop take one or all, not both', () => {
    expect(read('dead-letters replay --all')).toEqual({ name: 'replay', fingerprint: undefined });
    expect(read('dead-letters drop --all')).toEqual({ name: 'drop', fingerprint: undefined });
    expect(read(`dead-letters drop --all ${FINGERPRINT}`)).toEqual(
      wrong('drop needs a fingerprint or --all'),
    );
  });

  it.each(['dead-letters', 'dead-letters delete', 'dead-letters LIST'])('%j names what there is', (line) => {
    expect(read(line)).toEqual(wrong('dead-letters needs one of list, show, replay, drop'));
  });

  it('takes no more words than it needs', () => {
    expect(read(`dead-letters drop ${FINGERPRINT} ${FINGERPRINT}`)).toEqual(
      wrong(expect.stringContaining('too many words')),
    );
    expect(read('dead-letters list all')).toEqual(wrong('list takes no all'));
  });
});

describe('verify', () => {
  const everything = { site: undefined, from: undefined, to: undefined, repair: false, json: false };

  it('is about everything unless told otherwise', () => {
    expect(read('verify')).toEqual({ name: 'verify', verify: everything });
    expect(read('verify --site site-1 --from 2026-01-01 --to 2026-01-31 --repair --json')).toEqual({
      name: 'verify',
      verify: { site: 'site-1', from: '2026-01-01', to: '2026-01-31', repair: true, json: true },
    });
  });

  it.each(['2026-02-30', '2026-1-1', 'today', '', '2026-01-01T00:00:00Z'])('%j is no day', (day) => {
    for (const name of ['from', 'to'])
      expect(readCommand(['verify', `--${name}=${day}`])).toEqual(
        wrong(`--${name} must be a day as YYYY-MM-DD`),
      );
  });

  it('takes no other words', () => {
    expect(read('verify now')).toEqual(wrong('verify takes no now'));
  });
});

it.each([
  ['verifi', 'there is no command verifi'],
  ['--nonsense', "Unknown option '--nonsense'"],
  ['verify --site', 'argument missing'],
  ['verify --repair=yes', 'does not take an argument'],
])('%j is answered with what is wrong with it', (line, problem) => {
  expect(read(line)).toEqual(wrong(expect.stringContaining(problem)));
});
