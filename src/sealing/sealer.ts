import { createHmac, hash, type KeyObject } from 'node:crypto';
import { statSync, unwatchFile, watchFile } from 'node:fs';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Secret } from '../domain/secret.js';
import { decrypt, encrypt, readHeader } from './compact-jwe.js';
import { type KeyRing, readKeyRing } from './key-ring.js';

/** A sealed value did not open. The message names the key id, never a value. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** What a fingerprint is for. Each purpose has a key of its own, so that a digest of one is of no use for another. */
export type FingerprintPurpose =
  | 'state'
  | 'cookie-name'
  | 'nonce'
  | 'browser-key'
  | 'connect-ticket'
  | 'console-form'
  | 'completion-code'
  | 'refresh-token'
  | 'risc-prefix'
  | 'risc-sha512';

/** The tables whose rows have a MAC. */
export type MacPurpose =
  | 'services'
  | 'service_faces'
  | 'refresh_tokens'
  | 'delegated_credentials'
  | 'declared_settings';

const POLL_MS = 5_000;

/**
 * Seals secrets for storage. `aad` is the AAD, associated data (RFC 5116 section 2.1): the column and row a secret belongs to, and
 * every column of that row that decides who gets the secret. A value that was moved, or whose row was changed, does not open.
 *
 * Seals as JWE compact (RFC 7516), direct encryption with A256GCM. The protected header holds the key id and
 * a digest of the associated data; it is the AEAD's additional data (section 5.1 step 14), so neither can be changed unnoticed.
 */
@Injectable()
export class Sealer implements OnModuleInit, OnApplicationShutdown {
  readonly #log = new Logger(Sealer.name);
  readonly #seals = new Map<string, number>();
  #ring: KeyRing;
  #readChange: number | undefined;

  constructor(private readonly settings: Settings) {
    this.#readChange = this.#lastChange();
    this.#ring = readKeyRing(settings.keyRingFile);
  }

  /** Polls, because mounted secrets are replaced by renaming a folder above them, which no watcher sees. */
  onModuleInit(): void {
    watchFile(this.settings.keyRingFile, { interval: POLL_MS, persistent: false }, () => {
      this.reload();
    });
  }

  onApplicationShutdown(): void {
    unwatchFile(this.settings.keyRingFile);
  }

  /** Loads keys that were added to the ring while the broker runs. A faulty file changes nothing. */
  reload(): void {
    this.#readChange = this.#lastChange();
    try {
      this.#ring = readKeyRing(this.settings.keyRingFile);
      this.#log.log({ sealing_key: this.#ring.sealingKeyId }, 'the key ring was read again');
    } catch (error) {
      this.#log.error({ err: error }, 'the key ring cannot be read; the former keys stay in use');
    }
  }

  #lastChange(): number | undefined {
    return statSync(this.settings.keyRingFile, { throwIfNoEntry: false })?.mtimeMs;
  }

  seal(secret: Secret, aad: string): Promise<string> {
    const { sealingKeyId: kid, sealingKeys } = this.#ring;
    this.#seals.set(kid, (this.#seals.get(kid) ?? 0) + 1);
    const key = sealingKeys.get(kid) as KeyObject;
    return Promise.resolve(encrypt(secret.reveal(), { kid, aad: digest(aad) }, key));
  }

  /** @throws {SealBroken} wrong key, other associated data, truncated or altered */
  open(sealed: string, aad: string): Promise<Secret> {
    return new Promise((resolve) => {
      resolve(this.#open(sealed, aad));
    });
  }

  /**
   * A keyed digest that recognises a secret without keeping it. Stays the same when sealing keys rotate.
   */
  fingerprint(secret: Secret, purpose: FingerprintPurpose): Uint8Array<ArrayBuffer> {
    return this.#hmac(`fingerprint/${purpose}`, secret.reveal());
  }

  /** A message authentication code over what a row says. Stays the same when sealing keys rotate. */
  mac(content: string, purpose: MacPurpose): Uint8Array<ArrayBuffer> {
    return this.#hmac(`mac/${purpose}`, content);
  }

  /** The ids of the keys that open, the one that seals in front. */
  get keyIds(): readonly string[] {
    return [...this.#ring.sealingKeys.keys()];
  }

  /** How many values this process sealed, by key id. */
  get seals(): ReadonlyMap<string, number> {
    return this.#seals;
  }

  #hmac(purpose: string, content: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.#ring.keyFor(purpose)).update(content).digest());
  }

  #open(sealed: string, aad: string): Secret {
    const header = readHeader(sealed);
    if (!header) throw new SealBroken('The sealed value is cut short or was never sealed by this broker.');
    // Another replica may have loaded a new key before this one did. A forged header costs one stat.
    if (!this.#ring.sealingKeys.has(header.kid) && this.#lastChange() !== this.#readChange) this.reload();
    const key = this.#ring.sealingKeys.get(header.kid);
    if (!key)
      throw new SealBroken(`The key ring has no key ${header.kid}: put the key that sealed this value back.`);
    if (header.aad !== digest(aad)) {
      throw new SealBroken(
        'The sealed value belongs to another row or column, or to another state of its row: it was moved or put back, or the ' +
          'row was changed.',
      );
    }
    try {
      return new Secret(decrypt(sealed, key));
    } catch {
      throw new SealBroken(
        `The sealed value does not open with key ${header.kid}: it was altered, or the key is another.`,
      );
    }
  }
}

/** Short, so that what a value is bound to may be long. */
function digest(aad: string): string {
  return hash('sha256', aad, 'base64url');
}
