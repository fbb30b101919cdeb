import type { Secret } from '../secret.js';

/** Why a sealed value did not open. The message names the key id, never a value. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** What a fingerprint is for. Each purpose has a key of its own, so that a digest of one is of no use for another. */
export type FingerprintPurpose =
  | 'state'
  | 'cookie-name'
  | 'nonce'
  | 'browser-key'
  | 'completion-code'
  | 'refresh-token'
  | 'risc-prefix'
  | 'risc-sha512';

/** The rows that carry a MAC. */
export type MacPurpose = 'services' | 'refresh_tokens';

/**
 * Seals secrets for storage. `aad` is the associated data (RFC 5116 section 2.1): the column and row a secret belongs to,
 * and whatever of that row decides who gets the secret. A value that was moved, or whose row was changed, does not open.
 */
export abstract class Sealer {
  abstract seal(secret: Secret, aad: string): Promise<string>;

  /** @throws {SealBroken} wrong key, other associated data, truncated or altered */
  abstract open(sealed: string, aad: string): Promise<Secret>;

  /** A keyed digest that recognises a secret without keeping it. Stays the same when sealing keys rotate. */
  abstract fingerprint(secret: Secret, purpose: FingerprintPurpose): Uint8Array<ArrayBuffer>;

  /** A message authentication code over what a row says. Stays the same when sealing keys rotate. */
  abstract mac(content: string, purpose: MacPurpose): Uint8Array<ArrayBuffer>;

  /** How many values this process sealed, by key id. */
  abstract readonly seals: ReadonlyMap<string, number>;
}
