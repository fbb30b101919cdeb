import { createHash, randomBytes } from 'node:crypto';
import { isShortId, textOf } from '../domain/cell.js';
import { Secret } from '../domain/secret.js';
import { generateShortId } from './service-key.js';

/** tbc_ + 12 characters of id, with its cell in front, + _ + 256 bits of secret. The prefix lets secret scanners find a leaked handle. */
const HANDLE = /^tbc_([^_]+)_([A-Za-z0-9_-]{43})$/;

export interface NewHandle {
  readonly id: string;
  /** Shown once; only its hash is stored. */
  readonly handle: Secret;
  readonly hash: Uint8Array<ArrayBuffer>;
}

/** The handle of a delegated credential, as a client library presents it in the place of a refresh token. */
export function generateHandle(cell: string | null): NewHandle {
  const id = textOf(cell, generateShortId());
  const secret = randomBytes(32).toString('base64url');
  return { id, handle: new Secret(`tbc_${id}_${secret}`), hash: hashOf(secret) };
}

export interface PresentedHandle {
  readonly id: string;
  /** Plain SHA-256: a slow hash adds nothing to 256 random bits. */
  readonly hash: Uint8Array<ArrayBuffer>;
}

/** @returns null for what is not a handle: then nothing is looked up */
export function readHandle(text: string): PresentedHandle | null {
  const [, id, secret] = HANDLE.exec(text) ?? [];
  if (id === undefined || secret === undefined || !isShortId(id)) return null;
  return { id, hash: hashOf(secret) };
}

function hashOf(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}
