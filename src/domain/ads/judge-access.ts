import type { AccessPath } from './access-map.js';
import { type AccessRole, isAtLeast } from './access-role.js';

/**
 * Why an account cannot be called as asked.
 * - `no_way`: none of the user's roots leads to it
 * - `role_too_low`: the best role is known, and it is less
 * - `role_unknown`: a way leads there, but Google did not tell with which role
 */
export type AccessRefusal = 'no_way' | 'role_too_low' | 'role_unknown';

export type Judgement =
  | { readonly path: AccessPath; readonly alternatives: readonly AccessPath[] }
  | { readonly refused: AccessRefusal; readonly bestRole: AccessRole | null };

/**
 * Chooses the way to an account.
 * @param ways as `AccessMap.waysTo` sorts them
 * @param minRole the least role that will do; null: whichever, as long as the API can be called with it
 */
export function judgeAccess(ways: readonly AccessPath[], minRole: AccessRole | null): Judgement {
  const good = ways.filter(({ role }) =>
    minRole === null ? role !== 'EMAIL_ONLY' : isAtLeast(role, minRole),
  );
  const [path, ...alternatives] = good;
  if (path) return { path, alternatives };
  if (ways.length === 0) return { refused: 'no_way', bestRole: null };
  // An unknown role may be enough, so "too low" would be a guess.
  const refused = ways.some(({ role }) => role === null) ? 'role_unknown' : 'role_too_low';
  return { refused, bestRole: ways.find(({ role }) => role !== null)?.role ?? null };
}
