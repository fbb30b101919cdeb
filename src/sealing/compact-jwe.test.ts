import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { decrypt, encrypt, parseJwe } from './compact-jwe.js';

const newKey = () => createSecretKey(randomBytes(32));
const KEY = newKey();
const HEADER = { kid: '2026-11-22-abc123', aad: 'p9-jLSqPuuw0bzYUOgMzVM1tFzMG_s3NPCqhjt6TIqs' };
const TEXTS = ['', 'x', '1//refresh-token', 'ä€😀', 'a'.repeat(5000)];

function open(text: string, key = KEY): string {
  const jwe = parseJwe(text);
  if (!jwe) throw new Error('no such JWE');
  return decrypt(jwe, key);
}

const byJose = (header: object, text = 'secret') =>
  new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header })
    .encrypt(KEY);

test.each(TEXTS)('jose opens what encrypt made of %.20s', async (text) => {
  const { plaintext, protectedHeader } = await compactDecrypt(encrypt(text, HEADER, KEY), KEY);
  expect(new TextDecoder().decode(plaintext)).toBe(text);
  expect(protectedHeader).toEqual({ alg: 'dir', enc: 'A256GCM', ...HEADER });
});

test.each(TEXTS)('decrypt opens what jose made of %.20s', async (text) => {
  const jwe = await byJose(HEADER, text);
  expect(parseJwe(jwe)).toMatchObject(HEADER);
  expect(open(jwe)).toBe(text);
});

test('a JWE with any one character changed does not open', () => {
  // Seven bytes, so that the ciphertext too ends with bits that belong to no byte.
  const jwe = encrypt('secret!', HEADER, KEY);
  const others = (at: number) =>
    ['A', 'B', 'Q', 'g', 'w', '_', '-', '.'].filter((character) => character !== jwe[at]);
  const changed = Array.from(jwe).flatMap((_, at) =>
    others(at).map((other) => `${jwe.slice(0, at)}${other}${jwe.slice(at + 1)}`),
  );
  for (const altered of [...changed, ...['A', '.', '\n', '='].map((more) => jwe + more)]) {
    expect(() => open(altered)).toThrow();
  }
});

test('a JWE does not open with another key', () => {
  expect(() => open(encrypt('secret', HEADER, KEY), newKey())).toThrow();
});

test('a JWE with a correct tag that is cut short does not open', () => {
  const [header = '', , iv = '', ciphertext = '', tag = ''] = encrypt('secret', HEADER, KEY).split('.');
  for (const bytes of [0, 4, 12, 15]) {
    const short = Buffer.from(tag, 'base64url').subarray(0, bytes).toString('base64url');
    const jwe = [header, '', iv, ciphertext, short].join('.');
    expect(parseJwe(jwe)).toBeNull();
  }
});

test.each([
  ['a key of its own', { alg: 'A256GCMKW' }],
  ['a smaller key', { enc: 'A128GCM' }],
  ['compression', { zip: 'DEF' }],
  ['an extension that must be understood', { crit: ['exp'], exp: 1 }],
  ['no key id', { kid: undefined }],
  ['associated data that is no text', { aad: 1 }],
])('decrypt refuses a JWE with %s', (_, more) => {
  const header = { alg: 'dir', enc: 'A256GCM', ...HEADER, ...more };
  const [, ...rest] = encrypt('secret', HEADER, KEY).split('.');
  expect(parseJwe([Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.'))).toBeNull();
});

test.each(['', 'x', 'a.b.c.d.e', 'e30..AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA', 'null'])(
  'decrypt refuses %p, which is no JWE',
  (text) => {
    expect(parseJwe(text)).toBeNull();
  },
);
