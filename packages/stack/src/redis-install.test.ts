import { describe, expect, test } from 'vitest';
import { needsNoQuestion, parseAptCandidate } from './redis-install.ts';

const apt = {
  program: 'apt-get',
  asRoot: true,
  refresh: [],
  install: ['install'],
  packages: ['redis-server'],
};
const brew = { ...apt, program: 'brew', asRoot: false };

describe('installing Redis', () => {
  test.each([
    ['redis-server:\n  Installed: (none)\n  Candidate: 5:7.0.15-1~deb12u7\n', '7.0.15'],
    ['valkey-server:\n  Installed: (none)\n  Candidate: 8.1.1+dfsg1-3\n', '8.1.1'],
    ['redis-server:\n  Installed: (none)\n  Candidate: (none)\n', undefined],
    ['', undefined],
  ])('reads what apt would install from %j', (policy, version) => {
    expect(parseAptCandidate(policy)).toBe(version);
  });

  test('needs no question of root with apt, nor of anyone else with Homebrew', () => {
    expect([needsNoQuestion(apt, true), needsNoQuestion(brew, false)]).toEqual([true, true]);
  });

  test('would ask for a password otherwise', () => {
    expect([needsNoQuestion(apt, false), needsNoQuestion(brew, true)]).toEqual([false, false]);
  });
});
