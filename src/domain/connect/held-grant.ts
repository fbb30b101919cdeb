import { hasPrompt, type Prompt } from '../google/oauth.js';
import { missingScopes, SIGN_IN_SCOPES } from '../google/scopes.js';
import { type Grant, isAccount } from '../grant/grant.js';
import type { ConnectRequest } from './connect-request.js';

type ScopeQuery = Pick<ConnectRequest, 'scopes' | 'includeGranted'>;

type HeldGrantQuery = ScopeQuery & Pick<ConnectRequest, 'accountHint' | 'requireAccount'>;

/**
 * An active grant that covers the whole request already, so that the user need not visit Google and no slot is spent.
 * A required Workspace domain is never covered: which domain an account belongs to can change.
 */
export function findHeldGrant(grants: readonly Grant[], connectRequest: HeldGrantQuery): Grant | null {
  const { accountHint, requireAccount } = connectRequest;
  if (requireAccount?.hd !== undefined) return null;
  const wanted = [accountHint, requireAccount?.sub, requireAccount?.email].filter((name) => name != null);
  const held = grants.filter(
    (grant) =>
      grant.status === 'active' &&
      // A service account is not a consent of the user.
      grant.kind === 'user' &&
      wanted.every((name) => isAccount(grant.account, name)) &&
      isHeldBy(grant, connectRequest),
  );
  return held[0] ?? null;
}

/** Whether the grant covers the request; without include_granted_scopes, whether it covers exactly the request (sign-in scopes aside). */
function isHeldBy({ grantedScopes }: Pick<Grant, 'grantedScopes'>, { scopes, includeGranted }: ScopeQuery) {
  if (missingScopes(scopes, grantedScopes).length > 0) return false;
  return (
    includeGranted !== false || missingScopes(grantedScopes, [...scopes, ...SIGN_IN_SCOPES]).length === 0
  );
}

/** Whether a consent extends a grant. One that is dead, or being revoked, passes nothing on to the next. */
export function isExtendable({ status }: Pick<Grant, 'status'>): boolean {
  return status === 'active' || status === 'suspended';
}

/** A user's grants of an account that a consent extends; of any account, where none is named. Without service accounts. */
export function extendableGrants(held: readonly Grant[], account: string | null): Grant[] {
  return held.filter(
    (grant) =>
      isExtendable(grant) &&
      grant.kind !== 'service_account' &&
      (account === null || isAccount(grant.account, account)),
  );
}

/**
 * Which `prompt` to send. Google gives a refresh token only with a consent screen, and every one spends a slot of
 * the account; so consent is forced only when no refresh token is held that covers what is asked. With one held and
 * no account named, the user chooses.
 */
export function choosePrompt(
  held: readonly Grant[],
  account: string | null,
  connectRequest: ScopeQuery,
): 'consent' | 'select_account' | null {
  const usable = extendableGrants(held, account).filter(
    (grant) => grant.status === 'active' && isHeldBy(grant, connectRequest),
  );
  if (usable.length === 0) return 'consent';
  return account === null ? 'select_account' : null;
}

/** What the service asked Google to show, and what the broker needs: neither takes the other away. */
export function combinePrompts(
  asked: Prompt | null | undefined,
  needed: 'consent' | 'select_account' | null,
): Prompt | null {
  const isConsent = needed === 'consent' || hasPrompt(asked, 'consent');
  const isChoice = needed === 'select_account' || hasPrompt(asked, 'select_account');
  if (isConsent && isChoice) return 'consent select_account';
  if (isConsent) return 'consent';
  return isChoice ? 'select_account' : null;
}
