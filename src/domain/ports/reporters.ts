/*
 * What token-store/ reports while it works, and no caller asked for: stored values that are not as the broker wrote them, and slots that
 * run out. operations/ logs and counts it, a command has its own answer. Does not own when that is the case.
 */

export const INTEGRITY_KINDS = [
  'access_token',
  'credential',
  'ledger',
  'rollback',
  'service',
  'branding',
  'delegated_credential',
  'connect_ticket',
  'authorization_request',
  'pending_consent',
  'pending_exchange',
  'revocation',
  'outbox_event',
  'webhook',
  'declared_setting',
] as const;

/** A stored value that is not as the broker wrote it: changed, rolled back, or sealed with a missing key. */
export interface IntegrityFault {
  readonly kind: (typeof INTEGRITY_KINDS)[number];
  /** Which row: the id of a grant or service, or another name that is not a secret. */
  readonly id: string;
  /** What is wrong; never a value. */
  readonly reason: string;
}

export const WRONG_MAC =
  'The row has a wrong MAC: it was changed outside the broker, or signed with another key ring.';

/** Notified of each stored value that fails its check. */
export abstract class IntegrityReporter {
  abstract report(fault: IntegrityFault): void;
}

/** Notified when an account has taken nine tenths of its slots for a client, or of those across all clients. */
export abstract class SlotReporter {
  abstract nearlyFull(slots: {
    readonly client: string;
    readonly grantId: string;
    readonly used: number;
    readonly limit: number;
  }): void;

  /** @param slots `limit` is the broker's own (ACCOUNT_SLOT_LIMIT): Google's is not published */
  abstract accountNearlyFull(slots: {
    readonly client: string;
    readonly grantId: string;
    readonly used: number;
    readonly limit: number;
  }): void;
}
