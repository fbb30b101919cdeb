import { commonScopes, missingScopes, scopeSet, SIGN_IN_SCOPES } from '../google/scopes.js';

/** What Google answered, and what it is compared with. */
export interface ConsentFacts {
  /** What the service asked for. */
  readonly requested: readonly string[];
  /** What Google says the tokens are good for. */
  readonly answered: readonly string[];
  readonly hasRefreshToken: boolean;
  /** Whether include_granted_scopes was sent: then the refresh token covers what was granted before, too. */
  readonly includedGranted: boolean;
  /** Whether the service asked not to include it: then the grant gets no more than this consent covers. */
  readonly mayNarrow?: boolean;
  /** The active grant of this user, client and account; null where there is none. */
  readonly held: {
    readonly scopes: readonly string[];
    /** Whether its refresh token may take the place of one that did not come. */
    readonly isActive: boolean;
  } | null;
}

export type ConsentVerdict =
  | {
      readonly kind: 'store';
      readonly granted: readonly string[];
      /** What Google gave beyond it. Nothing may be done with these. */
      readonly unrequested: readonly string[];
      /** Whether the access token of the answer covers no more than the grant. */
      readonly isTokenWithin: boolean;
    }
  /** No refresh token is there for what was granted. */
  | { readonly kind: 'no_refresh_token' }
  /** The refresh token that came covers less than the one that it would replace. */
  | { readonly kind: 'narrower' };

/**
 * What a consent yields: at most what was asked for now, what this very grant held (unless nothing of it may stay), and the
 * sign-in scopes, whatever Google answers (RFC 9700 section 2.3). For Google a permission belongs to the whole project: an
 * answer can cover what the account granted for another user or another client.
 */
export function judgeConsent(facts: ConsentFacts): ConsentVerdict {
  const { held, hasRefreshToken, includedGranted, mayNarrow = false } = facts;
  const before = held?.scopes ?? [];
  const kept = mayNarrow ? [] : before;
  const allowed = scopeSet([...facts.requested, ...SIGN_IN_SCOPES, ...kept]);
  const within = commonScopes(facts.answered, allowed);
  const unrequested = missingScopes(facts.answered, allowed);
  const isTokenWithin = unrequested.length === 0;
  if (!hasRefreshToken) {
    const isCovered = missingScopes(within, [...before, ...SIGN_IN_SCOPES]).length === 0;
    // The refresh token that is held covers what is not to stay.
    const isWider = mayNarrow && missingScopes(before, allowed).length > 0;
    if (!held?.isActive || !isCovered || isWider) return { kind: 'no_refresh_token' };
    // The refresh token that is kept covers what it always did.
    return { kind: 'store', granted: scopeSet(before), unrequested, isTokenWithin };
  }
  const isLess = missingScopes(before, within).length > 0;
  if (isLess && !includedGranted && !mayNarrow) return { kind: 'narrower' };
  return { kind: 'store', granted: within, unrequested, isTokenWithin };
}
