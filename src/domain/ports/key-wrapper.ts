/** Bytes that a key management service (KMS) encrypted. */
export interface WrappedBytes {
  readonly ciphertext: Uint8Array;
  /** Which version of its key did, as the service names it. */
  readonly keyVersion: string;
}

/** A key of a KMS, which never leaves it. A provider is one class that extends this, and one line in key-wrappers.ts. */
export abstract class KeyWrapper {
  /** @throws {KeyWrapFailure} */
  abstract wrap(plaintext: Uint8Array): Promise<WrappedBytes>;

  /** @throws {KeyWrapFailure} */
  abstract unwrap(ciphertext: Uint8Array): Promise<Uint8Array>;
}

export class KeyWrapFailure extends Error {
  override readonly name = 'KeyWrapFailure';

  /**
   * @param isTransient whether the same request may succeed soon
   * @param message what the KMS says and what to do; never a key
   */
  constructor(
    readonly isTransient: boolean,
    message: string,
  ) {
    super(message);
  }
}

/** Opens the key of a URI such as `gcp-kms://projects/…`. */
export type OpenKeyWrapper = (uri: string) => Promise<KeyWrapper>;
