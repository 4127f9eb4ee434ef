import { freePort } from '@sluice/stack/free-port';
import { describe, expect, inject, it } from 'vitest';
import { HELP } from './command.ts';
import { sluice } from './testing/sluice.ts';

describe('sluice', () => {
  it('tells what it can do when nothing is asked', async () => {
    expect(await sluice([])).toEqual({ code: 0, out: `${HELP}\n`, err: '' });
  });

  it('answers wrong words with what would have been right, and 2', async () => {
    expect(await sluice(['verifi'])).toEqual({
      code: 2,
      out: '',
      err: `there is no command verifi\n\n${HELP}\n`,
    });
  });

  it('names the setting that is missing', async () => {
    expect(await sluice(['verify'])).toEqual({
      code: 2,
      out: '',
      err: 'wrong settings:\n  DATABASE_URL is required\n',
    });
  });

  it('names what replaying needs besides', async () => {
    const { code, err } = await sluice(['dead-letters', 'replay', '--all'], {
      DATABASE_URL: inject('postgresUrl'),
    });
    expect([code, err]).toEqual([2, 'wrong settings:\n  REDIS_URL is required\n']);
  });

  it.each(['verify', 'dead-letters list'])(
    '%s says that Postgres is away, without the password',
    async (line) => {
      const DATABASE_URL = `postgres://me:hunter2@127.0.0.1:${await freePort()}/sluice`;
      const { code, out, err } = await sluice(line.split(' '), { DATABASE_URL });
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^failed: .*ECONNREFUSED/);
      expect(err).not.toContain('hunter2');
    },
  );

  it('says that the tables are not there', async () => {
    expect(await sluice(['verify'], { DATABASE_URL: inject('postgresUrl') })).toEqual({
      code: 2,
      out: '',
      err: 'failed: relation "events" does not exist\n',
    });
  });
});
