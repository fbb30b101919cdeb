import { isAccount } from './account.js';
import type { ConnectWish } from './connect-wish.js';
import type { Grant } from './grant.js';
import { missingScopes } from './scopes.js';

type Wish = Pick<ConnectWish, 'scopes' | 'accountHint' | 'requireAccount'>;

/**
 * A living grant that covers the whole wish already, so that nobody has to go to Google and no slot is spent.
 * A wish for a Workspace domain is never covered: which domain an account belongs to can change.
 */
export function findHeldGrant(grants: readonly Grant[], wish: Wish): Grant | null {
  const { accountHint, requireAccount } = wish;
  if (requireAccount?.hd !== undefined) return null;
  const wanted = [accountHint, requireAccount?.sub, requireAccount?.email].filter((name) => name != null);
  const held = grants.filter(
    (grant) =>
      grant.status === 'active' &&
      // What a service account may do is no consent of the user's.
      grant.kind === 'user' &&
      wanted.every((name) => isAccount(grant.account, name)) &&
      missingScopes(wish.scopes, grant.grantedScopes).length === 0,
  );
  return held[0] ?? null;
}
