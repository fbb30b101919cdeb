import type { Secret } from '../secret.js';

/** The requester of a revocation, for the audit trail. */
export interface RevocationRequester {
  /** A service's name, `user` (on their own page), `operator`, or a person of the console. */
  readonly actor: string;
  readonly serviceId: string | null;
  readonly requestId: string | null;
  /** Of the user's own page: its ticket. */
  readonly ticket?: string;
}

/** An attempt to revoke at Google, leased to one replica. */
export interface RevocationAttempt {
  readonly id: string;
  readonly attemptId: string;
  /** The grant that was disconnected. */
  readonly grantId: string;
  readonly accountSub: string;
  readonly token: Secret;
  /** This one included. After the first, Google may have carried out an earlier request whose response was lost. */
  readonly attempts: number;
  /** Whether Google confirmed before, and only finishing failed. */
  readonly isConfirmed: boolean;
  /** The newest refresh token of the account when this attempt began: what Google confirms says nothing of newer ones. */
  readonly lastSequence: bigint;
}

/**
 * How a revocation ended:
 * - `revoked`: Google confirmed, and every grant of the account in the project is dead
 * - `already_dead`: the token was dead before, and ended no other
 * - `unclear`: it is dead now, perhaps by an earlier request whose response was lost; Google is asked for each grant
 */
type RevocationOutcome = 'revoked' | 'already_dead' | 'unclear';

export interface RevocationEnd {
  readonly outcome: RevocationOutcome;
  /** `revoked` is inferred from other tokens of the account, which are dead too. */
  readonly isInferred: boolean;
}

/** @param stored no seal is bound to it: what was changed in the database must not keep a revocation unfinished */
export function requesterOf(stored: unknown) {
  const given = (stored ?? {}) as Partial<Record<keyof RevocationRequester, unknown>>;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  const [serviceId, requestId, ticket] = [text(given.serviceId), text(given.requestId), text(given.ticket)];
  const by = { actor: text(given.actor) ?? 'unknown', serviceId, requestId };
  return { by, page: ticket === null ? {} : { ticket } };
}
