import { missingScopes } from '../google/scopes.js';
import { type Grant, isAccount } from '../grant/grant.js';
import type { ConnectRequest } from './connect-request.js';

type Wish = Pick<ConnectRequest, 'scopes' | 'accountHint' | 'requireAccount'>;

/**
 * A living grant that covers the whole wish already, so that nobody has to go to Google and no slot is spent.
 * A wish for a Workspace domain is never covered: which domain an account belongs to can change.
 */
export function findHeldGrant(grants: readonly Grant[], connectRequest: Wish): Grant | null {
  const { accountHint, requireAccount } = connectRequest;
  if (requireAccount?.hd !== undefined) return null;
  const wanted = [accountHint, requireAccount?.sub, requireAccount?.email].filter((name) => name != null);
  const held = grants.filter(
    (grant) =>
      grant.status === 'active' &&
      // What a service account may do is no consent of the user's.
      grant.kind === 'user' &&
      wanted.every((name) => isAccount(grant.account, name)) &&
      missingScopes(connectRequest.scopes, grant.grantedScopes).length === 0,
  );
  return held[0] ?? null;
}
