export const INTEGRITY_KINDS = [
  'access_token',
  'credential',
  'ledger',
  'rollback',
  'service',
  'service_face',
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
  /** Which row: the id of a grant or service, or another name that is no secret. */
  readonly id: string;
  /** What is wrong; never a value. */
  readonly reason: string;
}

export abstract class IntegrityReporter {
  abstract report(fault: IntegrityFault): void;
}
