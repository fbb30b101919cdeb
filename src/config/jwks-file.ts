import { readTextFile } from './text-file.js';

/** A JSON Web Key Set of public keys (RFC 7517). */
export interface PublicKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

export class JwksFileError extends Error {
  override readonly name = 'JwksFileError';
}

/** @throws {JwksFileError} what is wrong with the file, without any of its content */
export function readJwksFile(path: string): PublicKeySet {
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new JwksFileError(code ? `${path} cannot be read (${code})` : `${path} is not JSON`);
  }
  const keys = (json as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) throw new JwksFileError(`${path} has no list of "keys"`);
  for (const key of keys as unknown[]) {
    const { kty, d, k } = (key ?? {}) as Record<string, unknown>;
    if (d !== undefined || k !== undefined || kty === 'oct') {
      throw new JwksFileError(`${path} holds a secret key; keep only the public ones here`);
    }
    if (!['RSA', 'EC', 'OKP'].includes(kty as string)) {
      throw new JwksFileError(`${path} holds something that is not a public key`);
    }
  }
  return { keys: keys as PublicKeySet['keys'] };
}
