import type { ConnectWish } from '../connect-wish.js';
import type { ExchangeAnswer } from './google.js';

/** What a code was exchanged for, and what it is to be verified against. */
export interface PendingExchange {
  readonly id: string;
  readonly wish: ConnectWish;
  /** Whether prompt=consent was sent, so that Google must have answered with a refresh token. */
  readonly forcedConsent: boolean;
  readonly includedGranted: boolean;
  readonly nonceHash: Uint8Array<ArrayBuffer>;
  readonly answer: ExchangeAnswer;
  /** Names the call in log and audit, however much later it is finished. */
  readonly requestId: string;
  /** In confirm mode, once the browser got its code without the account being known: its digest. */
  readonly codeHash: Uint8Array<ArrayBuffer> | null;
}

/** One that waits to be finished without a browser. */
export interface DueExchange extends PendingExchange {
  /** How often that was tried before. */
  readonly attempts: number;
  readonly expiresAt: Date;
}

/**
 * Answers to code exchanges that became no grant yet. A code works once, so its refresh token is stored before anything
 * that can fail. Who makes the grant (grant-store.ts, pending-consents.ts) removes it in the same transaction.
 */
export abstract class PendingExchanges {
  /**
   * Stores an answer, and books its refresh token in the slot ledger.
   * @param claimedSub the account as the unverified id_token names it; null: not booked before it is verified
   * @param dueAt when others may take it over from whoever put it
   */
  abstract put(
    exchange: PendingExchange,
    claimedSub: string | null,
    now: Date,
    dueAt: Date,
    expiresAt: Date,
  ): Promise<void>;

  /** Takes what is due; nobody else gets it before `until`. */
  abstract claim(most: number, now: Date, until: Date): Promise<DueExchange[]>;

  /** The same for the one that waits under a completion code, due or not. @returns null when there is none */
  abstract claimByCode(codeHash: Uint8Array<ArrayBuffer>, until: Date): Promise<DueExchange | 'busy' | null>;

  /** Gives it back to be tried again. @param codeHash set once, in confirm mode */
  abstract postpone(id: string, dueAt: Date, codeHash: Uint8Array<ArrayBuffer> | null): Promise<void>;

  /** Nothing will come of it. Its refresh token stays booked: Google counts it. */
  abstract remove(id: string): Promise<void>;
}
