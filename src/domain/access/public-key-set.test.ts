import { expect, test } from '@jest/globals';
import { readPublicKeys } from './public-key-set.js';

const EC = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' };
const OKP = { kty: 'OKP', crv: 'Ed25519', x: 'x' };
/** 8192 bits are 1024 bytes, which are 1366 characters in base64url. */
const rsa = (length: number) => ({ kty: 'RSA', n: 'A'.repeat(length), e: 'AQAB' });

test('public keys of a known kind are used', () => {
  const keys = [EC, OKP, rsa(1366)];
  expect(readPublicKeys({ keys })).toEqual({ keys });
});

test.each<[string, unknown]>([
  ['an RSA key of more than 8192 bits', rsa(1367)],
  ['an RSA key without a modulus', { kty: 'RSA', e: 'AQAB' }],
  ['a private key', { ...EC, d: 'd' }],
  ['a shared secret', { kty: 'oct', k: 'k' }],
  ['a key of another kind', { kty: 'AKP' }],
  ['what is no object', null],
])('%s is left out', (_, key) => {
  expect(readPublicKeys({ keys: [key, EC] })).toEqual({ keys: [EC] });
  expect(readPublicKeys({ keys: [key] })).toBe('has no usable key');
});

test('a set without a list, without a key or of more than 100 keys is none', () => {
  expect(readPublicKeys({})).toBe('has no list of "keys"');
  expect(readPublicKeys({ keys: EC })).toBe('has no list of "keys"');
  expect(readPublicKeys({ keys: [] })).toBe('has no usable key');
  expect(readPublicKeys({ keys: Array(100).fill(EC) })).toEqual({ keys: Array(100).fill(EC) });
  expect(readPublicKeys({ keys: Array(101).fill(EC) })).toBe('has more than 100 keys');
});
