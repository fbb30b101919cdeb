import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { Settings } from '../config/settings.js';
import { SealBroken, Sealer } from '../domain/ports/sealer.js';
import { Secret } from '../domain/secret.js';
import { readKeyRing, type KeyRing } from './key-ring.js';

const ALG = 'dir';
const ENC = 'A256GCM';

/**
 * Seals as JWE compact (RFC 7516), direct encryption with A256GCM. The protected header carries the key id and
 * the place; it is the AEAD's additional data (section 5.1 step 14), so neither can be changed unnoticed.
 */
@Injectable()
export class JoseSealer extends Sealer {
  #ring: KeyRing;

  constructor(private readonly settings: Settings) {
    super();
    this.#ring = readKeyRing(settings.keyRingFile);
  }

  /** Takes up a key that was added to the ring while the broker runs. */
  reload(): void {
    this.#ring = readKeyRing(this.settings.keyRingFile);
  }

  override async seal(secret: Secret, place: string): Promise<string> {
    const { sealingKeyId, sealingKeys } = this.#ring;
    return new CompactEncrypt(new TextEncoder().encode(secret.reveal()))
      .setProtectedHeader({ alg: ALG, enc: ENC, kid: sealingKeyId, place })
      .encrypt(sealingKeys.get(sealingKeyId) as Uint8Array);
  }

  override async open(sealed: string, place: string): Promise<Secret> {
    const header = protectedHeader(sealed);
    const key = this.#ring.sealingKeys.get(header.kid);
    if (!key)
      throw new SealBroken(`The key ring has no key ${header.kid}: put the key that sealed this value back.`);
    if (header.place !== place) {
      throw new SealBroken('The sealed value belongs to another row or column: it was moved.');
    }
    try {
      const { plaintext } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: [ALG],
        contentEncryptionAlgorithms: [ENC],
      });
      return new Secret(new TextDecoder().decode(plaintext));
    } catch {
      throw new SealBroken(
        `The sealed value does not open with key ${header.kid}: it was altered, or the key is another.`,
      );
    }
  }

  override fingerprint(secret: Secret): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.#ring.fingerprintKey).update(secret.reveal()).digest());
  }
}

function protectedHeader(sealed: string): { kid: string; place: string } {
  try {
    const { kid, place } = decodeProtectedHeader(sealed);
    if (typeof kid === 'string' && typeof place === 'string' && sealed.split('.').length === 5)
      return { kid, place };
  } catch {
    // Not a JWE at all: said below, in the same words as one cut short.
  }
  throw new SealBroken('The sealed value is cut short or was never sealed by this broker.');
}
