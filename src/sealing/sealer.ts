import { createHmac, hash, type KeyObject } from 'node:crypto';
import { statSync, unwatchFile, watchFile } from 'node:fs';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { KmsFailure } from '../domain/google/google-failure.js';
import { Secret } from '../domain/secret.js';
import { type CompactJwe, decrypt, encrypt, parseJwe } from './compact-jwe.js';
import { assertSuccessor, type KeyRing, readKeyRing, type WaitingKey } from './key-ring.js';
import { loadFirstKeyRing, loadKeyRing } from './load-key-ring.js';
import { readRingFile } from './ring-file.js';

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
/** When a KMS that refused is asked again: to grant a role or to enable a version changes no file. */
const REFUSED_MS = 60_000;
/** How long the start waits for a key management service: less than the chart's startup probe, so that the process says why it ends. */
const START_WAIT_MS = 40_000;

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
  #isWrapped: boolean;
  #reloading: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;

  /** @param unwrapped the key ring, where a KMS has wrapped it, and how it is asked again; without, the file is read */
  constructor(
    private readonly settings: Settings,
    private readonly unwrapped: Unwrapped | null = null,
  ) {
    this.#readChange = unwrapped ? unwrapped.readChange : this.#lastChange();
    this.#isWrapped = unwrapped?.isWrapped ?? false;
    this.#ring = unwrapped?.ring ?? readKeyRing(settings.keyRingFile);
  }

  /**
   * Of a key ring that may be wrapped.
   * @throws {KmsFailure} when the KMS refuses, or stays unavailable
   */
  static async open(settings: Settings, waitMs = START_WAIT_MS): Promise<Sealer> {
    const { keyRingFile: file, keyRingKmsKey: kmsKey } = settings;
    if (kmsKey === null) return new Sealer(settings);
    const readChange = lastChangeOf(file);
    const isWrapped = isWrappedRing(file);
    if (!isWrapped) {
      new Logger(Sealer.name).warn(
        'KEY_RING_KMS_KEY is set and the key ring is not wrapped: run `token-broker keys rewrap`',
      );
    }
    const ring = await loadFirstKeyRing(settings, waitMs);
    return new Sealer(settings, { ring, isWrapped, readChange });
  }

  /** Polls, because mounted secrets are replaced by renaming a folder above them, which no watcher sees. */
  onModuleInit(): void {
    watchFile(this.settings.keyRingFile, { interval: POLL_MS, persistent: false }, () => {
      void this.reload();
    });
  }

  onApplicationShutdown(): void {
    unwatchFile(this.settings.keyRingFile);
    if (this.#retry) clearTimeout(this.#retry);
  }

  /**
   * Loads keys that were added to the ring while the broker runs. A faulty file changes nothing, nor does another key ring in its place:
   * what was looked up or sealed with it until the right one is back would be lost. One that is not wrapped is read before this
   * returns; of several reloads at once one asks the KMS.
   */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => (this.#reloading = null));
    return this.#reloading;
  }

  async #reload(): Promise<void> {
    if (this.#retry) clearTimeout(this.#retry);
    try {
      do {
        this.#readChange = this.#lastChange();
        const ring = this.unwrapped
          ? await loadKeyRing(this.settings, !this.#isWrapped)
          : readKeyRing(this.settings.keyRingFile);
        assertSuccessor(ring, this.#ring);
        this.#ring = ring;
        if (this.unwrapped) this.#isWrapped ||= isWrappedRing(this.settings.keyRingFile);
        // It may have changed while the KMS was asked.
      } while (this.#lastChange() !== this.#readChange);
      this.#log.log({ sealing_key: this.#ring.sealingKeyId }, 'the key ring was read again');
    } catch (error) {
      this.#log.error(
        { err: error },
        'the key ring was not replaced by its file; the former keys stay in use',
      );
      // The file does not change once more when the KMS is back.
      if (error instanceof KmsFailure) {
        const pauseMs = error.isTransient ? POLL_MS : REFUSED_MS;
        this.#retry = setTimeout(() => void this.reload(), pauseMs).unref();
      }
    }
  }

  #lastChange(): number | undefined {
    return lastChangeOf(this.settings.keyRingFile);
  }

  seal(secret: Secret, aad: string): Promise<string> {
    const { sealingKeyId: kid, sealingKeys } = this.#ring;
    this.#seals.set(kid, (this.#seals.get(kid) ?? 0) + 1);
    const key = sealingKeys.get(kid) as KeyObject;
    return Promise.resolve(encrypt(secret.reveal(), { kid, aad: digest(aad) }, key));
  }

  /** @throws {SealBroken} wrong key, other associated data, truncated or altered */
  async open(sealed: string, aad: string): Promise<Secret> {
    const jwe = parseJwe(sealed);
    if (!jwe) throw new SealBroken('The sealed value is cut short or was never sealed by this broker.');
    // Another replica may have loaded a new key before this one did. A forged header costs one stat.
    if (!this.#ring.sealingKeys.has(jwe.kid) && (this.#reloading || this.#lastChange() !== this.#readChange))
      await this.reload();
    return this.#open(jwe, aad);
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
    const { sealingKeyId, sealingKeys } = this.#ring;
    return [sealingKeyId, ...[...sealingKeys.keys()].filter((id) => id !== sealingKeyId)];
  }

  /** Those that do not seal yet, the newest in front. */
  get waitingKeys(): readonly WaitingKey[] {
    return this.#ring.waitingKeys;
  }

  /** How many values this process sealed, by key id. */
  get seals(): ReadonlyMap<string, number> {
    return this.#seals;
  }

  #hmac(purpose: string, content: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.#ring.keyFor(purpose)).update(content).digest());
  }

  #open(jwe: CompactJwe, aad: string): Secret {
    const key = this.#ring.sealingKeys.get(jwe.kid);
    if (!key)
      throw new SealBroken(`The key ring has no key ${jwe.kid}: put the key that sealed this value back.`);
    if (jwe.aad !== digest(aad)) {
      throw new SealBroken(
        'The sealed value belongs to another row or column, or to another state of its row: it was moved or put back, or the ' +
          'row was changed.',
      );
    }
    try {
      return new Secret(decrypt(jwe, key));
    } catch {
      throw new SealBroken(
        `The sealed value does not open with key ${jwe.kid}: it was altered, or the key is another.`,
      );
    }
  }
}

interface Unwrapped {
  readonly ring: KeyRing;
  readonly isWrapped: boolean;
  /** When the file had changed last before it was read. */
  readonly readChange: number | undefined;
}

function isWrappedRing(path: string): boolean {
  return typeof readRingFile(path) !== 'string';
}

function lastChangeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** Short, so that what a value is bound to may be long. */
function digest(aad: string): string {
  return hash('sha256', aad, 'base64url');
}
