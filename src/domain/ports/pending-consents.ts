import type { ConnectWish } from '../connect-wish.js';
import type { TokenAnswer, VerifiedAccount } from '../grant.js';

export interface PendingConsent {
  readonly wish: ConnectWish;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  readonly answer: TokenAnswer & { readonly account: VerifiedAccount };
}

/** Consents that wait for the app's server to confirm the user, each under the digest of a code that works once. */
export abstract class PendingConsents {
  /**
   * @param exchangeId what waited to become this; removed with it
   * @returns false when another has finished it; then nothing is stored
   */
  abstract put(
    codeHash: Uint8Array<ArrayBuffer>,
    consent: PendingConsent,
    exchangeId: string,
    now: Date,
    expiresAt: Date,
  ): Promise<boolean>;

  /**
   * Leaves it where it is: who makes the grant (grant-store.ts) removes it in the same transaction, so that a code works
   * once and a failure loses nothing.
   * @returns null when unknown, used or expired
   */
  abstract find(codeHash: Uint8Array<ArrayBuffer>, now: Date): Promise<PendingConsent | null>;

  /** Nothing will come of it. Its refresh token stays booked: Google counts it. */
  abstract remove(codeHash: Uint8Array<ArrayBuffer>): Promise<void>;
}
