import { readTextFile } from '../config/configuration-files.js';
import { GoogleKms, type KmsAccess, type WrappedBytes } from '../google/kms/google-kms.js';

/*
 * The file of a key ring: its JSON Web Key Set as it is, or as one ciphertext of a key management service (KMS), which also
 * keeps its order and its keys together. Does not own what is in the set (key-ring.ts).
 */

/** What is wrong with a key ring, as a sentence without its subject, and without any of its content. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
}

/** A key ring that a KMS wrapped. */
interface WrappedRing extends WrappedBytes {
  /** The URI of the key. */
  readonly kmsKey: string;
}

/** @returns the JSON Web Key Set, or what it is wrapped in @throws {KeyRingError} */
export function readRingFile(path: string): string | WrappedRing {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    throw new KeyRingError(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  return wrappedIn(text) ?? text;
}

function wrappedIn(text: string): WrappedRing | null {
  try {
    const {
      kms_key: kmsKey,
      kms_key_version: keyVersion,
      wrapped,
    } = JSON.parse(text) as Record<string, unknown>;
    if (typeof kmsKey !== 'string' || typeof wrapped !== 'string') return null;
    return { kmsKey, keyVersion: String(keyVersion), ciphertext: Buffer.from(wrapped, 'base64') };
  } catch {
    return null;
  }
}

/** @throws {KmsFailure} */
export async function unwrapRing({ kmsKey, ciphertext }: WrappedRing, access: KmsAccess): Promise<string> {
  return Buffer.from(await new GoogleKms(kmsKey, access).unwrap(ciphertext)).toString('utf8');
}

/**
 * Wraps a key ring, and unwraps it to see that the KMS gives it back.
 * @param json a JSON Web Key Set
 * @returns the content of the file
 * @throws {KmsFailure}
 * @throws {KeyRingError} when something else came back
 */
export async function wrapRing(
  json: string,
  kmsKey: string,
  access: KmsAccess,
): Promise<{ readonly content: string; readonly keyVersion: string }> {
  const { ciphertext, keyVersion } = await new GoogleKms(kmsKey, access).wrap(Buffer.from(json));
  if ((await unwrapRing({ kmsKey, ciphertext, keyVersion }, access)) !== json)
    throw new KeyRingError('is not what the key management service gives back');
  const wrapped = Buffer.from(ciphertext).toString('base64');
  const file = { kms_key: kmsKey, kms_key_version: keyVersion, wrapped };
  return { content: `${JSON.stringify(file, null, 2)}\n`, keyVersion };
}
