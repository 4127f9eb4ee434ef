import { expect, it } from 'vitest';
import { k6Command, scriptNames } from './find-k6.ts';

const having =
  (...programs: string[]) =>
  (name: string) =>
    programs.includes(name) ? `/bin/${name}` : undefined;

it('every script of the folder can be run, and nothing that they share', () => {
  expect(scriptNames()).toEqual(['batch', 'ingest', 'mixed', 'soak', 'spike', 'stats']);
});

it('k6 is used where it is installed', () => {
  const command = k6Command('ingest', ['-e', 'RATE=5'], having('k6', 'docker'));
  expect(command?.program).toBe('/bin/k6');
  expect(command?.args).toEqual(['run', '-e', 'RATE=5', expect.stringMatching(/k6\/ingest\.js$/)]);
});

it('else its image is, with the scripts and the settings handed in', () => {
  const command = k6Command('ingest', [], having('docker'), 'linux');
  expect(command?.args.join(' ')).toMatch(
    /^run --rm -i --network host .*-e RATE .*:\/scripts:ro grafana\/k6:.* run \/scripts\/ingest\.js$/,
  );
});

it('else there is nothing, and the caller says how to get it', () => {
  expect(k6Command('ingest', [], having())).toBeUndefined();
});
