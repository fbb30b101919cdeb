import {
  DEAD_GRANTS,
  type DeadGrantCause,
  type DeadGrantRow,
  SESSION_CONTROL_SUBTYPES,
} from '../google/dead-grants.js';
import type { GoogleFailure } from '../google/google-failure.js';
import { UNCONFIRMED_REVOCATION } from '../google/oauth-failures.js';
import { forecast, TESTING_SECONDS } from './expiry-forecast.js';
import { type Diagnosis, type Grant, isAgeKnown } from './grant.js';
import { INACTIVITY_SECONDS } from './slots.js';

/** What is known of a grant whose refresh token Google no longer accepts. */
export interface Evidence {
  readonly grant: Grant;
  readonly now: Date;
  /** Why this refresh token ended before, by the slot ledger; null where the ledger knows of no end. */
  readonly ledgerSays: string | null;
}

/**
 * Why Google ended a grant. Google says so in two cases only; the rest is inferred from dates and from the slot ledger, the
 * likeliest cause first.
 */
export function diagnose(failure: GoogleFailure, evidence: Evidence): Diagnosis {
  if (failure.subtype !== null && SESSION_CONTROL_SUBTYPES.includes(failure.subtype)) {
    return diagnosisOf('session_control', 'certain');
  }
  if (failure.kind === 'policy_rejected') {
    return { ...diagnosisOf('admin_policy_enforced', 'certain'), cause: failure.error };
  }
  const known = byDates(evidence) ?? byLedger(evidence) ?? byAge(evidence);
  return known ?? diagnosisOf(revokedBy(evidence.grant), 'inferred');
}

/** Google gave a lifetime with the token, and it has passed. */
function byDates({ grant, now }: Evidence): Diagnosis | null {
  if (grant.refreshTokenExpiresAt === null || grant.refreshTokenExpiresAt > now) return null;
  const reason = forecast({ ...grant, status: 'active' }, false)?.reason;
  return diagnosisOf(reason === 'testing_mode' ? 'testing_mode' : 'time_based_access', 'certain');
}

function byLedger({ ledgerSays }: Evidence): Diagnosis | null {
  const isKnown = ledgerSays === 'revoked_with_sibling' || ledgerSays === 'slot_eviction';
  return isKnown ? diagnosisOf(ledgerSays, 'inferred') : null;
}

function byAge({ grant, now }: Evidence): Diagnosis | null {
  const lastUse = grant.refreshedAt ?? grant.consentedAt;
  if (seconds(lastUse, now) >= INACTIVITY_SECONDS) return diagnosisOf('inactivity', 'inferred');
  if (!isAgeKnown(grant)) return null;
  const issued = grant.refreshTokenIssuedAt;
  // It worked until its seventh day and not after it, as tokens of apps in Testing do.
  const endedAtSeven = seconds(issued, now) >= TESTING_SECONDS && seconds(issued, lastUse) < TESTING_SECONDS;
  return endedAtSeven && seconds(issued, now) < 2 * TESTING_SECONDS
    ? diagnosisOf('testing_mode', 'inferred')
    : null;
}

function revokedBy({ grantedScopes }: Grant): DeadGrantCause {
  const holdsGmail = grantedScopes.some((scope) =>
    /^https:\/\/(mail\.google\.com\/|.*\/auth\/gmail\.)/.test(scope),
  );
  return holdsGmail ? 'user_revoked_or_password_changed' : 'user_revoked';
}

function seconds(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000;
}

/** By the table of dead-grants.ts. */
export function diagnosisOf(cause: DeadGrantCause, confidence: Diagnosis['confidence']): Diagnosis {
  const row: DeadGrantRow = DEAD_GRANTS[cause];
  const meaning = (confidence === 'certain' ? row.reported : undefined) ?? row.meaning;
  return { cause, confidence, who_must_act: row.whoMustAct, detail: `${meaning} ${row.remedy}` };
}

export const REVOKED_WITH_SIBLING: Diagnosis = diagnosisOf('revoked_with_sibling', 'certain');

/** While a revocation is not finished. Whether the user must connect again is known at its end. */
export const REVOKING: Diagnosis = {
  cause: 'revoking',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    `${UNCONFIRMED_REVOCATION.meaning} ${UNCONFIRMED_REVOCATION.remedy} ` +
    'Connect again afterwards: a permission that is given before ends with the others.',
};
