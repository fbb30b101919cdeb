import type { Secret } from '../secret.js';

/** Why a sealed value did not open. The message names the key id, never a value. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/**
 * Seals secrets for storage. `place` names the row and column the secret belongs to; it is bound into the
 * seal, so that a ciphertext moved elsewhere does not open.
 */
export abstract class Sealer {
  abstract seal(secret: Secret, place: string): Promise<string>;

  /** @throws {SealBroken} wrong key, moved, truncated or altered */
  abstract open(sealed: string, place: string): Promise<Secret>;

  /** A keyed digest that recognises a secret without keeping it. Stays the same when keys rotate. */
  abstract fingerprint(secret: Secret): Uint8Array<ArrayBuffer>;
}
