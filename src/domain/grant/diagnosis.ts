import type { GoogleFailure } from '../google/google-failure.js';
import { forecast, TESTING_SECONDS } from './expiry-forecast.js';
import type { Diagnosis, Grant } from './grant.js';
import { INACTIVITY_SECONDS } from './slots.js';

/** What we know about a grant whose refresh token Google refused for good. */
export interface Evidence {
  readonly grant: Grant;
  readonly now: Date;
  /** Why the ledger says that this refresh token ended before, if it does. */
  readonly ledgerSays: string | null;
}

type Cause = Omit<Diagnosis, 'confidence'>;

const certain = (cause: Cause): Diagnosis => ({ ...cause, confidence: 'certain' });
const inferred = (cause: Cause): Diagnosis => ({ ...cause, confidence: 'inferred' });

/**
 * Why a grant died. Google says it only in two cases; the rest follows from dates and from the slot ledger, and is
 * marked as inferred. What fits best comes first.
 */
export function diagnose(failure: GoogleFailure, evidence: Evidence): Diagnosis {
  if (failure.subtype === 'invalid_rapt') return certain(SESSION_CONTROL);
  if (failure.kind === 'policy_rejected') return certain({ ...ADMIN_POLICY, cause: failure.error });
  return byDates(evidence) ?? byLedger(evidence) ?? byAge(evidence) ?? inferred(userRevoked(evidence.grant));
}

/** Google told the lifetime when it issued the token, and it is over. */
function byDates({ grant, now }: Evidence): Diagnosis | null {
  if (grant.refreshTokenExpiresAt === null || grant.refreshTokenExpiresAt > now) return null;
  const reason = forecast({ ...grant, status: 'active' }, false)?.reason;
  return certain(reason === 'testing_mode' ? TESTING : TIME_BASED);
}

function byLedger({ ledgerSays }: Evidence): Diagnosis | null {
  if (ledgerSays === 'revoked_with_sibling') return { ...REVOKED_WITH_SIBLING, confidence: 'inferred' };
  return ledgerSays === 'slot_eviction' ? inferred(SLOT_EVICTION) : null;
}

function byAge({ grant, now }: Evidence): Diagnosis | null {
  const lastUse = grant.refreshedAt ?? grant.consentedAt;
  if (seconds(lastUse, now) >= INACTIVITY_SECONDS) return inferred(INACTIVITY);
  const issued = grant.refreshTokenIssuedAt;
  // It worked up to its seventh day and not after it: so die the tokens of apps in Testing.
  const diedAtSeven = seconds(issued, now) >= TESTING_SECONDS && seconds(issued, lastUse) < TESTING_SECONDS;
  return diedAtSeven && seconds(issued, now) < 2 * TESTING_SECONDS ? inferred(TESTING) : null;
}

function userRevoked({ grantedScopes }: Grant): Cause {
  const holdsGmail = grantedScopes.some((scope) =>
    /^https:\/\/(mail\.google\.com\/|.*\/auth\/gmail\.)/.test(scope),
  );
  return holdsGmail ? REVOKED_OR_PASSWORD : USER_REVOKED;
}

function seconds(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000;
}

const SESSION_CONTROL: Cause = {
  cause: 'session_control',
  who_must_act: 'user',
  detail:
    "The user's Google Workspace ends sessions after some hours. The user must connect again, each time; " +
    'a Workspace administrator can stop that by trusting this app.',
};

const ADMIN_POLICY: Cause = {
  cause: 'admin_policy_enforced',
  who_must_act: 'workspace_admin',
  detail: "The administrator of the user's Google Workspace does not allow this app or one of its scopes.",
};

const TESTING: Cause = {
  cause: 'testing_mode',
  who_must_act: 'operator',
  detail:
    "The Google app is in Testing, where refresh tokens live 7 days. Publish it in Google's console (Audience), " +
    'then let the user connect again.',
};

const TIME_BASED: Cause = {
  cause: 'time_based_access',
  who_must_act: 'user',
  detail: 'The user allowed access for a limited time, and that time is over. The user must connect again.',
};

const SLOT_EVICTION: Cause = {
  cause: 'slot_eviction',
  who_must_act: 'user',
  detail:
    'Google keeps a limited number of refresh tokens per account and client, and newer connects of the same Google ' +
    'account pushed this one out. The user must connect again; see slots in GET /grants/:id.',
};

const INACTIVITY: Cause = {
  cause: 'inactivity',
  who_must_act: 'user',
  detail: 'The grant was not used for six months; Google ends such grants. The user must connect again.',
};

const USER_REVOKED: Cause = {
  cause: 'user_revoked',
  who_must_act: 'user',
  detail:
    'Google no longer accepts the refresh token, and nothing else explains it: most likely the user removed the ' +
    "app's access in the Google Account. The user must connect again.",
};

const REVOKED_OR_PASSWORD: Cause = {
  cause: 'user_revoked_or_password_changed',
  who_must_act: 'user',
  detail:
    'Google no longer accepts the refresh token: the user removed the access, or changed the password, which ends ' +
    'grants that hold Gmail scopes. The user must connect again.',
};

/** While a revocation is not finished. Whether the user must connect again is known at its end. */
export const REVOKING: Diagnosis = {
  cause: 'revoking',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    'The access of this Google account is being revoked at Google. The broker asks Google until it confirms, and gives ' +
    'no token meanwhile. Connect again afterwards: a permission that is given before ends with the others.',
};

export const REVOKED_WITH_SIBLING: Diagnosis = {
  cause: 'revoked_with_sibling',
  confidence: 'certain',
  who_must_act: 'user',
  detail:
    'Another grant of the same Google account was revoked. Google then ends them all, for the whole project.',
};
