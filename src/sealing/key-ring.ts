import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { base64url } from 'jose';
import { KeyRingError, readRingFile } from './ring-file.js';

/**
 * A JSON Web Key Set (RFC 7517) of symmetric keys. Key rotation: the first A256GCM key seals, every one opens, so a new key
 * is put in front and the old ones stay until nothing is sealed under them. It seals from a time on, by which every replica has the file:
 * one that has it sooner would seal what the others cannot open. From the one HS256 key come the keys of
 * fingerprints and MACs, one for each purpose; it never rotates, or the slot ledger would no longer recognise its tokens.
 */
interface KeyRingFile {
  readonly keys: readonly RingKey[];
}

interface RingKey {
  readonly kty: 'oct';
  readonly kid: string;
  readonly alg: 'A256GCM' | 'HS256';
  readonly use: 'enc' | 'sig';
  readonly k: string;
  /** An RFC 3339 time, of a sealing key; until then it only opens. Versions that do not know it seal with the key at once. */
  readonly seals_from?: string;
}

export interface KeyRing {
  /** Of the key that seals now. */
  readonly sealingKeyId: string;
  /** Those that do not seal yet, the newest in front. */
  readonly waitingKeys: readonly WaitingKey[];
  /** Objects, not bytes: nothing prints them, and Node need not make one for each value. */
  readonly sealingKeys: ReadonlyMap<string, KeyObject>;
  /** The key for one purpose of fingerprints and MACs. */
  readonly keyFor: (purpose: string) => KeyObject;
}

export interface WaitingKey {
  readonly id: string;
  readonly sealsFrom: Date;
}

/** Of a file that is not wrapped. @throws {KeyRingError} what is wrong with it, without any of its content */
export function readKeyRing(path: string): KeyRing {
  const file = readRingFile(path);
  if (typeof file !== 'string') throw new KeyRingError(WRAPPED);
  return keyRingOf(file);
}

const WRAPPED = 'is wrapped by a key of a KMS: set KEY_RING_KMS_KEY to it';

/** @param json a JSON Web Key Set @throws {KeyRingError} */
export function keyRingOf(json: string): KeyRing {
  const { keys } = parse(json);
  const sealing = keys.filter((key) => key.alg === 'A256GCM');
  const fingerprint = keys.filter((key) => key.alg === 'HS256');
  const [first] = sealing;
  const [only] = fingerprint;
  if (!first) throw new KeyRingError('has no A256GCM key');
  if (!only || fingerprint.length > 1) throw new KeyRingError('must have exactly one HS256 key');
  if (new Set(sealing.map((key) => key.kid)).size < sealing.length)
    throw new KeyRingError('uses a key id twice');
  const sealsFrom = sealing.map(sealingTime);
  const current = () =>
    Math.max(
      0,
      sealsFrom.findIndex((time) => time <= Date.now()),
    );
  return {
    get sealingKeyId() {
      return (sealing[current()] as RingKey).kid;
    },
    get waitingKeys() {
      const waiting = sealing.slice(0, current());
      return waiting.map(({ kid }, at) => ({ id: kid, sealsFrom: new Date(sealsFrom[at] as number) }));
    },
    sealingKeys: new Map(sealing.map((key) => [key.kid, createSecretKey(bytes(key))])),
    keyFor: derive(createSecretKey(bytes(only))),
  };
}

function sealingTime({ seals_from: time }: RingKey): number {
  const ms = time === undefined ? 0 : Date.parse(time);
  if (Number.isNaN(ms)) throw new KeyRingError('has a key whose seals_from is not a time');
  return ms;
}

/** HKDF (RFC 5869) with the purpose as `info`: what is learned of one key says nothing of the others (section 3.2). */
function derive(root: KeyObject): KeyRing['keyFor'] {
  const derived = new Map<string, KeyObject>();
  return (purpose) => {
    let key = derived.get(purpose);
    if (!key) {
      const info = `token-broker/${purpose}`;
      key = createSecretKey(Buffer.from(hkdfSync('sha256', root, '', info, 32)));
      derived.set(purpose, key);
    }
    return key;
  };
}

/**
 * Whether a ring can take the place of one that is in use: with another HS256 key no stored MAC and fingerprint fits, and without the key
 * that seals now nothing opens that was sealed a moment ago.
 * @throws {KeyRingError}
 */
export function assertSuccessor(ring: KeyRing, current: KeyRing): void {
  const isSame = (purpose: string) => ring.keyFor(purpose).equals(current.keyFor(purpose));
  const { sealingKeyId: id } = current;
  const sealing = current.sealingKeys.get(id);
  const fault = !isSame('successor')
    ? 'has another HS256 key than the one in use'
    : !sealing || !ring.sealingKeys.get(id)?.equals(sealing)
      ? `lacks the key ${id}, which seals now`
      : null;
  if (fault !== null) throw new KeyRingError(`${fault}. If that is meant, restart the broker`);
}

/** The faults of the key ring's file, for the check at start. What is wrapped is looked into later: that takes a request. */
export function keyRingFaults(path: string, kmsKey: string | null = null): string[] {
  try {
    const file = readRingFile(path);
    if (typeof file === 'string') keyRingOf(file);
    else if (kmsKey === null) return [WRAPPED];
    else if (file.kmsKey !== kmsKey) return ['is wrapped by another key than KEY_RING_KMS_KEY says'];
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : 'cannot be read'];
  }
}

/**
 * A new key ring's JSON; or, given that of an older one, the same with a new sealing key in front.
 * @param sealsFrom null: the new key seals at once
 */
export function generateKeyRing(now: Date, olderJson?: string, sealsFrom: Date | null = null): string {
  const older = olderJson === undefined ? [] : parse(olderJson).keys;
  const kid = `${now.toISOString().slice(0, 10)}-${randomBytes(3).toString('hex')}`;
  const from = sealsFrom === null ? {} : { seals_from: sealsFrom.toISOString() };
  const keys: RingKey[] = [{ ...newKey(kid), alg: 'A256GCM', use: 'enc', ...from }, ...older];
  if (older.length === 0) keys.push({ ...newKey(`${kid}-fingerprint`), alg: 'HS256', use: 'sig' });
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

function newKey(kid: string) {
  return { kty: 'oct' as const, kid, k: base64url.encode(randomBytes(32)) };
}

function parse(text: string): KeyRingFile {
  try {
    const file = JSON.parse(text) as KeyRingFile;
    for (const key of file.keys) bytes(key);
    return file;
  } catch (error) {
    if (error instanceof KeyRingError) throw error;
    throw new KeyRingError('is not a JSON Web Key Set');
  }
}

function bytes(key: RingKey): Uint8Array {
  const raw = typeof key.k === 'string' && typeof key.kid === 'string' ? base64url.decode(key.k) : null;
  if (raw?.length !== 32) throw new KeyRingError('has a key that is not 256 bits with a key id');
  return raw;
}
