import type { ConnectWish } from '../connect-wish.js';
import type { TokenAnswer, VerifiedAccount } from '../grant.js';
import type { Secret } from '../secret.js';

export interface PendingConsent {
  readonly wish: ConnectWish;
  readonly answer: TokenAnswer & { readonly account: VerifiedAccount };
}

/** Consents that wait for the app's server to confirm the user, each under a code that works once. */
export abstract class PendingConsents {
  abstract put(code: Secret, consent: PendingConsent, now: Date, expiresAt: Date): Promise<void>;

  /** Takes a consent out, whatever comes of it: a code works once. @returns null when unknown, used or expired */
  abstract take(code: Secret, now: Date): Promise<PendingConsent | null>;
}
