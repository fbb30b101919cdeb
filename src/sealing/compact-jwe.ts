import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';

/**
 * JWE in compact form (RFC 7516 section 7.1), of one kind: the key encrypts directly (`dir`), with A256GCM (RFC 7518
 * sections 4.5 and 5.3). Not by jose, whose Web Crypto hands each value to one of Node's threads and waits: some 0.4 ms, twice
 * in a refresh. jose is the judge in the test: each opens what the other made.
 */
export interface ProtectedHeader {
  readonly kid: string;
  /**
   * What the value is bound to: a digest of the associated data. The header is the AEAD's additional data, and the compact
   * form has no `aad` member of its own (RFC 7516 section 5.1 step 14).
   */
  readonly aad: string;
}

const CIPHER = 'aes-256-gcm';
const FIXED = { alg: 'dir', enc: 'A256GCM' };
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Header, no key, 96 bits of IV, ciphertext, 128 bits of tag: a shorter tag would be easier to forge. */
const FORM = /^([\w-]+)\.\.([\w-]{16})\.([\w-]*)\.([\w-]{22})$/;

/** @param key 256 bits */
export function encrypt(plaintext: string, header: ProtectedHeader, key: KeyObject): string {
  const encodedHeader = Buffer.from(JSON.stringify({ ...FIXED, ...header })).toString('base64url');
  // Random, so that no state is shared between replicas; for 2^32 values a key (NIST SP 800-38D section 8.3).
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(encodedHeader, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return [encodedHeader, '', ...[iv, ciphertext, cipher.getAuthTag()].map(encode)].join('.');
}

/** What every value that `encrypt` seals under a key begins with. Another beginning does not say that it is another key's. */
export function beginningOf(kid: string): string {
  const upToKey = JSON.stringify({ ...FIXED, kid, aad: '' }).slice(0, -2);
  // Three bytes are four characters; what is left over depends on the bytes behind it. The end of the key id is never part of that.
  const bytes = Buffer.from(upToKey);
  return bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64url');
}

/** Its parts, encoded except for what the header says. Nothing of it is proved before `decrypt`. */
export interface CompactJwe extends ProtectedHeader {
  readonly header: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** @returns null for what is not such a JWE */
export function parseJwe(jwe: string): CompactJwe | null {
  const [, header = '', iv = '', ciphertext = '', tag = ''] = FORM.exec(jwe) ?? [];
  if (![header, ciphertext, tag].every(isCanonical)) return null;
  try {
    const { kid, aad, ...fixed } = JSON.parse(decode(header).toString()) as Record<string, unknown>;
    const isOurs =
      Object.keys(fixed).length === 2 && fixed['alg'] === FIXED.alg && fixed['enc'] === FIXED.enc;
    return isOurs && typeof kid === 'string' && typeof aad === 'string'
      ? { kid, aad, header, iv, ciphertext, tag }
      : null;
  } catch {
    return null;
  }
}

/** @throws when the key is another one, or anything was altered */
export function decrypt({ header, iv, ciphertext, tag }: CompactJwe, key: KeyObject): string {
  const decipher = createDecipheriv(CIPHER, key, decode(iv), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(header, 'ascii'));
  decipher.setAuthTag(decode(tag));
  return Buffer.concat([decipher.update(decode(ciphertext)), decipher.final()]).toString('utf8');
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url');
}

function decode(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

/** Whether the bits that belong to no byte are zero: each value has one spelling (RFC 4648 sections 3.3 and 3.5). */
function isCanonical(text: string): boolean {
  const left = text.length % 4;
  if (left === 0) return true;
  return left !== 1 && (left === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(text.at(-1) ?? '');
}
