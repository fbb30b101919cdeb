import { isAccount } from './account.js';
import type { Grant } from './grant.js';

/**
 * Which `prompt` to send. Google gives a refresh token only with a consent screen, and every one spends a slot of
 * the account; so consent is forced only when no usable refresh token is held. With one held and no account named,
 * the user chooses, and Google asks for consent by itself where scopes are new.
 */
export function choosePrompt(
  held: readonly Grant[],
  accountHint: string | null,
): 'consent' | 'select_account' | null {
  const usable = held.filter(
    ({ status, account }) => status === 'active' && (accountHint === null || isAccount(account, accountHint)),
  );
  if (usable.length === 0) return 'consent';
  return accountHint === null ? 'select_account' : null;
}
