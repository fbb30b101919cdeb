import type { Grant } from '../grant.js';
import type { Secret } from '../secret.js';

/** Who asked for a revocation, for the audit trail. */
export interface RevocationRequester {
  readonly actor: string;
  readonly serviceId: string;
  readonly requestId: string;
}

/** An attempt to revoke at Google. Its holder is the only one that asks Google now. */
export interface RevocationAttempt {
  readonly id: string;
  readonly attemptId: string;
  /** The grant that was disconnected. */
  readonly grantId: string;
  readonly token: Secret;
  /** This one included. After the first, Google may have carried out an earlier request whose answer was lost. */
  readonly attempts: number;
  /** Whether Google confirmed before, and only finishing failed. */
  readonly isConfirmed: boolean;
}

/**
 * How a revocation ended:
 * - `revoked`: Google confirmed, and every grant of the account in the project is dead
 * - `already_dead`: the token was dead before, and ended no other
 * - `unclear`: it is dead now, perhaps by an earlier request whose answer was lost; Google is asked for each grant
 */
type RevocationOutcome = 'revoked' | 'already_dead' | 'unclear';

export interface RevocationEnd {
  readonly outcome: RevocationOutcome;
  /** `revoked`, though Google never said so: it follows from other tokens of the account, which are dead too. */
  readonly isInferred: boolean;
}

/**
 * Revocations at Google, written before Google is asked. From `begin` to `finish` no replica gives a token of any grant
 * concerned. A consent takes its grant out, and the next attempt, which would end it at Google too, takes it in again.
 */
export abstract class Revocations {
  /**
   * Marks a grant and the living grants of the same account under these clients, in one statement.
   * @returns `no_token` where there is nothing to revoke; null when the grant changed since it was read, or is being revoked
   */
  abstract begin(
    grant: Grant,
    clients: readonly string[],
    requester: RevocationRequester,
    leaseMs: number,
    now: Date,
  ): Promise<
    { readonly attempt: RevocationAttempt; readonly siblings: readonly Grant[] } | 'no_token' | null
  >;

  /** Takes the next attempt at the revocation of this grant. @returns `busy` while another asks; null: there is none */
  abstract resume(grantId: string, leaseMs: number): Promise<RevocationAttempt | 'busy' | null>;

  /** Takes an attempt that is due, of whichever replica. */
  abstract takeDue(leaseMs: number): Promise<RevocationAttempt | null>;

  /** Ends an attempt that brought nothing; the next one may begin after so long. */
  abstract postpone(attempt: RevocationAttempt, restMs: number): Promise<void>;

  /** Writes down that Google confirmed, where finishing failed. */
  abstract confirm(attempt: RevocationAttempt): Promise<void>;

  /** Some of the grants that died if Google revoked at an earlier attempt, with their refresh tokens. */
  abstract samples(
    attempt: RevocationAttempt,
    most: number,
  ): Promise<readonly { readonly grant: Grant; readonly refreshToken: Secret }[]>;

  /**
   * Writes what follows, for all grants at once: statuses, tokens, the slot ledger, events for the app, the audit trail.
   * @param withAudit whether the disconnected grant gets its event too, because no request is there to write it
   * @returns the other grants that were revoked; null when another replica finished before
   */
  abstract finish(
    attempt: RevocationAttempt,
    end: RevocationEnd,
    now: Date,
    withAudit: boolean,
  ): Promise<readonly Grant[] | null>;

  /** Forgets those that were finished before a time. */
  abstract prune(before: Date): Promise<void>;
}
