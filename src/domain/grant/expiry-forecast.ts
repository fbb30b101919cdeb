import { IDENTITY_SCOPES } from '../google/scopes.js';
import { after } from '../ports/clock.js';
import type { Grant } from './grant.js';
import { INACTIVITY_SECONDS } from './slots.js';

/** An app in Testing gets refresh tokens for 7 days, unless it asks for sign-in scopes only. */
export const TESTING_SECONDS = 7 * 24 * 3600;

export const EXPIRY_REASONS = ['testing_mode', 'time_based_access', 'inactivity'] as const;

export type ExpiryReason = (typeof EXPIRY_REASONS)[number];

export interface Expiry {
  readonly at: Date;
  readonly reason: ExpiryReason;
}

/** The facts that a forecast depends on. */
export type Expirable = Pick<
  Grant,
  | 'kind'
  | 'status'
  | 'grantedScopes'
  | 'consentedAt'
  | 'refreshedAt'
  | 'refreshTokenExpiresAt'
  | 'refreshTokenIssuedAt'
>;

const DAY_MS = 24 * 3600 * 1000;

/**
 * When an active grant expires if it is neither used nor renewed, and why: the earliest known reason. The generated columns
 * `expires_at` and `expires_at_in_testing` of grants hold the same, so that lists can be read in its order (migration bounded_lists).
 * @param testing whether the operator says that the client's app is in Testing
 */
export function forecast(grant: Expirable, testing: boolean): Expiry | null {
  if (grant.status !== 'active' || grant.kind !== 'user') return null;
  const causes = [timeBased(grant), testing ? ofTesting(grant) : null, ofInactivity(grant)];
  return causes.reduce((first, next) => (next && (!first || next.at < first.at) ? next : first), null);
}

function timeBased({ refreshTokenExpiresAt: at, refreshTokenIssuedAt: issued }: Expirable): Expiry | null {
  if (at === null) return null;
  const seconds = (at.getTime() - issued.getTime()) / 1000;
  // Google says 604799 for apps in Testing; the user's own choice of a week looks the same and matters the same.
  const isWeek = Math.abs(seconds - TESTING_SECONDS) < 60;
  return { at, reason: isWeek ? 'testing_mode' : 'time_based_access' };
}

function ofTesting({ grantedScopes, refreshTokenIssuedAt }: Expirable): Expiry | null {
  if (grantedScopes.every((scope) => IDENTITY_SCOPES.has(scope))) return null;
  return { at: after(refreshTokenIssuedAt, TESTING_SECONDS), reason: 'testing_mode' };
}

/** Counted from the beginning of the day (UTC) of the last use: Google's six months are no finer, and it moves once a day. */
function ofInactivity({ refreshedAt, consentedAt }: Expirable): Expiry {
  const day = Math.floor((refreshedAt ?? consentedAt).getTime() / DAY_MS) * DAY_MS;
  return { at: after(new Date(day), INACTIVITY_SECONDS), reason: 'inactivity' };
}
