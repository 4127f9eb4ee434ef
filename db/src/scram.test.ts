import { createHmac, hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { scramVerifier } from './scram.ts';

it('proves what the example of RFC 7677 proves', () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const said = [
    'n=user,r=rOprNGfwEbeRWgbNEkqO',
    `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    `c=biws,r=${nonce}`,
  ].join(',');
  const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
  const [, storedKey = '', serverKey = ''] =
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$(.*):(.*)$/.exec(verifier) ?? [];
  const signature = (key: string) => createHmac('sha256', Buffer.from(key, 'base64')).update(said).digest();
  expect(signature(serverKey).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
  const clientKey = proof.map((byte, at) => byte ^ (signature(storedKey)[at] ?? 0));
  expect(hash('sha256', clientKey, 'base64')).toBe(storedKey);
});

it('is another one each time, and none of them holds the password', () => {
  const [one, other] = [scramVerifier('correct horse'), scramVerifier('correct horse')];
  expect(one).not.toBe(other);
  expect(one).not.toContain('horse');
});

it('takes letters that look the same for the same', () => {
  const salt = Buffer.alloc(16);
  expect(scramVerifier('u\u0308ber', salt)).toBe(scramVerifier('über', salt));
});
