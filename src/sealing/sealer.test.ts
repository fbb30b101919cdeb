import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Secret } from '../domain/secret.js';
import { generateKeyRing, keyRingFaults, readKeyRing } from './key-ring.js';
import { SealBroken, Sealer } from './sealer.js';

const TOKEN = new Secret('1//refresh-token');
const AAD = 'grants.sealed_refresh_token/1';

Logger.overrideLogger(false);

describe('the sealer', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'token-broker-ring-'));
  });

  const write = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const sealerOf = (path: string) => new Sealer(Object.assign(new Settings(), { keyRingFile: path }));
  const newRing = (name: string) => write(name, generateKeyRing(new Date('2026-11-22')));

  test('opens what it sealed in its place', async () => {
    const sealer = sealerOf(newRing('a'));
    const sealed = await sealer.seal(TOKEN, AAD);
    expect(sealed).not.toContain('refresh-token');
    expect((await sealer.open(sealed, AAD)).reveal()).toBe(TOKEN.reveal());
  });

  test('never seals the same secret to the same text', async () => {
    const sealer = sealerOf(newRing('b'));
    expect(await sealer.seal(TOKEN, AAD)).not.toBe(await sealer.seal(TOKEN, AAD));
  });

  test('does not open with a wrong key, also under the right key id', async () => {
    const ring = newRing('right');
    const sealed = await sealerOf(ring).seal(TOKEN, AAD);
    await expect(sealerOf(newRing('wrong')).open(sealed, AAD)).rejects.toThrow(
      /^The key ring has no key 2026-11-22-[0-9a-f]{6}: put the key that sealed this value back\.$/,
    );
    const file = JSON.parse(readFileSync(ring, 'utf8')) as { keys: { k: string }[] };
    if (file.keys[0]) file.keys[0].k = Buffer.alloc(32, 7).toString('base64url');
    const impostor = sealerOf(write('impostor', JSON.stringify(file)));
    await expect(impostor.open(sealed, AAD)).rejects.toThrow(/does not open with key/);
  });

  test('does not open a moved ciphertext, not even with its header rewritten', async () => {
    const sealer = sealerOf(newRing('c'));
    const sealed = await sealer.seal(TOKEN, AAD);
    const elsewhere = 'grants.sealed_refresh_token/2';
    await expect(sealer.open(sealed, elsewhere)).rejects.toThrow(/belongs to another row or column/);
    const [header = '', ...rest] = sealed.split('.');
    const digest = (aad: string) => createHash('sha256').update(aad).digest('base64url');
    const rewritten = Buffer.from(header, 'base64url').toString().replace(digest(AAD), digest(elsewhere));
    expect(rewritten).toContain(digest(elsewhere));
    const moved = [Buffer.from(rewritten).toString('base64url'), ...rest].join('.');
    await expect(sealer.open(moved, elsewhere)).rejects.toThrow(/does not open with key/);
  });

  test('does not open a truncated or foreign ciphertext', async () => {
    const sealer = sealerOf(newRing('d'));
    const sealed = await sealer.seal(TOKEN, AAD);
    const cuts = [
      sealed.slice(0, -4),
      sealed.slice(0, sealed.lastIndexOf('.')),
      sealed.slice(0, 20),
      '',
      'x',
    ];
    for (const cut of cuts) {
      await expect(sealer.open(cut, AAD)).rejects.toThrow(SealBroken);
      await expect(sealer.open(cut, AAD)).rejects.toThrow(/cut short|does not open/);
    }
  });

  test('seals with a new first key, opens with the old one, and takes the new one up while it runs', async () => {
    const ring = newRing('rotating');
    const sealer = sealerOf(ring);
    const before = await sealer.seal(TOKEN, AAD);
    writeFileSync(ring, generateKeyRing(new Date('2027-01-01'), readFileSync(ring, 'utf8')));
    await sealer.reload();
    const after = await sealer.seal(TOKEN, AAD);
    const kid = (sealed: string) =>
      (JSON.parse(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
    expect(kid(before)).toMatch(/^2026-11-22-/);
    expect(kid(after)).toMatch(/^2027-01-01-/);
    expect((await sealer.open(before, AAD)).reveal()).toBe(TOKEN.reveal());
    expect((await sealer.open(after, AAD)).reveal()).toBe(TOKEN.reveal());
  });

  test('reads its ring again when it meets an unknown key id', async () => {
    const ring = newRing('replicas');
    const [one, other] = [sealerOf(ring), sealerOf(ring)];
    writeFileSync(ring, generateKeyRing(new Date('2027-01-01'), readFileSync(ring, 'utf8')));
    await one.reload();
    const sealed = await one.seal(TOKEN, AAD);
    expect((await other.open(sealed, AAD)).reveal()).toBe(TOKEN.reveal());
  });

  test('keeps its ring when the file becomes faulty', async () => {
    const ring = newRing('spoilt');
    const sealer = sealerOf(ring);
    const sealed = await sealer.seal(TOKEN, AAD);
    writeFileSync(ring, 'spoilt');
    await sealer.reload();
    expect((await sealer.open(sealed, AAD)).reveal()).toBe(TOKEN.reveal());
  });

  test('keeps its ring when another one takes the place of the file', async () => {
    const ring = newRing('replaced');
    const sealer = sealerOf(ring);
    const [sealed, mac] = [await sealer.seal(TOKEN, AAD), sealer.mac('row', 'services')];
    const { keys } = JSON.parse(readFileSync(ring, 'utf8')) as { keys: { alg: string; k: string }[] };
    const other = JSON.parse(generateKeyRing(new Date('2027-01-01'))) as { keys: { alg: string }[] };
    const sealing = ({ alg }: { alg: string }) => alg === 'A256GCM';
    const signing = ({ alg }: { alg: string }) => alg === 'HS256';
    const replacements = [
      other.keys,
      [...keys.filter(sealing), ...other.keys.filter(signing)],
      [...other.keys.filter(sealing), ...keys.filter(signing)],
      keys.map((key) => (sealing(key) ? { ...key, k: Buffer.alloc(32, 7).toString('base64url') } : key)),
    ];
    for (const replacement of replacements) {
      writeFileSync(ring, JSON.stringify({ keys: replacement }));
      await sealer.reload();
      expect((await sealer.open(sealed, AAD)).reveal()).toBe(TOKEN.reveal());
      expect((await sealer.open(await sealer.seal(TOKEN, AAD), AAD)).reveal()).toBe(TOKEN.reveal());
      expect(sealer.mac('row', 'services')).toEqual(mac);
      expect(sealer.keyIds).toHaveLength(1);
    }
    writeFileSync(ring, JSON.stringify({ keys: [...other.keys.filter(sealing), ...keys] }));
    await sealer.reload();
    expect(sealer.keyIds).toHaveLength(2);
  });

  test('makes fingerprints that recognise a secret, survive rotation, and differ between rings', () => {
    const ring = newRing('prints');
    const before = sealerOf(ring).fingerprint(TOKEN, 'state');
    writeFileSync(ring, generateKeyRing(new Date('2027-01-01'), readFileSync(ring, 'utf8')));
    expect(sealerOf(ring).fingerprint(new Secret(TOKEN.reveal()), 'state')).toEqual(before);
    expect(sealerOf(newRing('other')).fingerprint(TOKEN, 'state')).not.toEqual(before);
  });

  test('makes the purpose part of a fingerprint and of a MAC', () => {
    const sealer = sealerOf(newRing('purposes'));
    const digests = [
      sealer.fingerprint(TOKEN, 'state'),
      sealer.fingerprint(TOKEN, 'nonce'),
      sealer.fingerprint(TOKEN, 'refresh-token'),
      sealer.mac(TOKEN.reveal(), 'services'),
      sealer.mac(TOKEN.reveal(), 'refresh_tokens'),
    ].map((bytes) => Buffer.from(bytes).toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('derives the keys of purposes as HKDF of the HS256 key does', () => {
    const ring = newRing('hkdf');
    const { keys } = JSON.parse(readFileSync(ring, 'utf8')) as { keys: { alg: string; k: string }[] };
    const root = Buffer.from(keys.find(({ alg }) => alg === 'HS256')?.k ?? '', 'base64url');
    const key = Buffer.from(hkdfSync('sha256', root, '', 'token-broker/fingerprint/state', 32));
    const expected = createHmac('sha256', key).update(TOKEN.reveal()).digest();
    expect(Buffer.from(sealerOf(ring).fingerprint(TOKEN, 'state'))).toEqual(expected);
  });

  test('counts what each key sealed', async () => {
    const ring = newRing('counts');
    const sealer = sealerOf(ring);
    const [first] = readKeyRing(ring).sealingKeys.keys();
    for (let seal = 0; seal < 3; seal++) await sealer.seal(TOKEN, AAD);
    writeFileSync(ring, generateKeyRing(new Date('2027-01-01'), readFileSync(ring, 'utf8')));
    await sealer.reload();
    await sealer.seal(TOKEN, AAD);
    const { sealingKeyId } = readKeyRing(ring);
    expect(sealer.seals).toEqual(
      new Map([
        [first, 3],
        [sealingKeyId, 1],
      ]),
    );
  });

  test('never shows a secret', () => {
    const shown = [
      String(TOKEN),
      JSON.stringify({ TOKEN }),
      inspect(TOKEN),
      inspect({ deep: [TOKEN] }, { depth: 9 }),
    ];
    for (const text of shown) {
      expect(text).not.toContain('refresh-token');
      expect(text).toContain('[redacted]');
    }
  });

  test.each([
    ['not JSON', 'secret-looking text', 'is not a JSON Web Key Set'],
    ['no keys', '{"keys":[]}', 'has no A256GCM key'],
    ['a short key', '{"keys":[{"kid":"a","alg":"A256GCM","k":"c2hvcnQ"}]}', 'not 256 bits'],
  ])('names a key ring that is %s as such, without its content', (_, content, fault) => {
    const [said] = keyRingFaults(write('faulty', content));
    expect(said).toContain(fault);
    expect(said).not.toContain('secret-looking');
    expect(said).not.toContain('c2hvcnQ');
  });

  test('names a missing key ring as such', () => {
    expect(keyRingFaults(join(folder, 'nowhere'))).toEqual(['cannot be read (ENOENT)']);
  });
});
