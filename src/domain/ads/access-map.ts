import { type AccessRole, byPower, isAtLeast, isAtMost } from './access-role.js';
import type { AccountTree, AdsAccount, DistantAccess } from './account-tree.js';
import { distances, Links } from './links.js';

/** One access path to an account: the root to name in the header `login-customer-id`, and the user's role then. */
export interface AccessPath {
  readonly loginCustomerId: string;
  /** The user's role on the root: it applies to everything below. Null: Google does not show it. */
  readonly role: AccessRole | null;
  /** Links between the root and the account, on the shortest path; 0: the user was invited to the account itself. */
  readonly distance: number;
  /** Without the header Google takes the called account itself for the root, so direct access needs none. */
  readonly headerNeeded: boolean;
}

/**
 * Answers which accounts a user reaches, through which root, with which role.
 * https://developers.google.com/google-ads/api/docs/oauth/access-model
 */
export class AccessMap {
  /** Accounts that no root leads to. */
  readonly unreached: readonly string[];
  /** Accounts that a link or an invitation names, and that are not in the tree. */
  readonly unknown: readonly string[];
  readonly #accounts: ReadonlyMap<string, AdsAccount>;
  readonly #roles: ReadonlyMap<string, AccessRole | null>;
  readonly #links: Links;
  /** By customer id. */
  readonly #distant: ReadonlyMap<string, readonly DistantAccess[]>;

  /** @throws {CircularTree} */
  constructor(readonly tree: AccountTree) {
    this.#accounts = new Map(tree.accounts.map((account) => [account.id, account]));
    this.#roles = strongest(tree);
    this.#links = new Links(tree.links);
    this.#distant = Map.groupBy(tree.distant ?? [], ({ customer }) => customer);
    const reached = distances([...this.#roles.keys(), ...this.#distant.keys()], this.#links.clients);
    this.unreached = [...this.#accounts.keys()].filter((id) => !reached.has(id));
    const named = [...tree.links.flatMap(({ manager, client }) => [manager, client]), ...this.#roles.keys()];
    this.unknown = [...new Set(named)].filter((id) => !this.#accounts.has(id));
  }

  account(id: string): AdsAccount | undefined {
    return this.#accounts.get(id);
  }

  /** The managers directly above an account, as far as this user can see. */
  managersOf(id: string): string[] {
    return [...(this.#links.managers.get(id) ?? [])].sort();
  }

  /**
   * Every access path to an account: the most powerful role first, then the shortest, then by customer id. Visits only what
   * is above the account.
   */
  pathsTo(id: string): AccessPath[] {
    const nearest = new Map<string, number>();
    const add = (root: string, distance: number) => {
      if (this.#roles.has(root)) nearest.set(root, Math.min(nearest.get(root) ?? Infinity, distance));
    };
    for (const [above, distance] of distances([id], this.#links.managers)) {
      add(above, distance);
      for (const each of this.#distant.get(above) ?? []) add(each.root, distance + each.distance);
    }
    const paths = [...nearest].map(([loginCustomerId, distance]) => ({
      loginCustomerId,
      role: this.#roles.get(loginCustomerId) ?? null,
      distance,
      headerNeeded: distance > 0,
    }));
    return paths.sort(
      (a, b) =>
        byPower(a.role, b.role) ||
        a.distance - b.distance ||
        (a.loginCustomerId < b.loginCustomerId ? -1 : 1),
    );
  }
}

/** One role an invited account; of several, the strongest counts. */
function strongest({ direct }: AccountTree): Map<string, AccessRole | null> {
  const roles = new Map<string, AccessRole | null>();
  for (const { customer, role } of direct) {
    const known = roles.get(customer);
    if (known === undefined || byPower(role, known) < 0) roles.set(customer, role);
  }
  return roles;
}

/**
 * Why an account cannot be called as asked.
 * - `no_access_path`: none of the user's roots reaches it
 * - `role_too_low`: the best role is known, and it is less
 * - `role_too_high`: every role that would be enough is more than the caller wants to act with
 * - `role_unknown`: an access path exists, but Google does not show its role
 */
export type AccessRefusal = 'no_access_path' | 'role_too_low' | 'role_too_high' | 'role_unknown';

export type Judgement =
  | { readonly path: AccessPath; readonly alternatives: readonly AccessPath[] }
  | { readonly refused: AccessRefusal; readonly bestRole: AccessRole | null };

/**
 * Chooses the access path to an account.
 * @param paths as `AccessMap.pathsTo` sorts them
 * @param minRole the least role that will do; null: whichever, as long as the API can be called with it
 * @param maxRole the most powerful role to act with; null: any
 */
export function judgeAccess(
  paths: readonly AccessPath[],
  minRole: AccessRole | null,
  maxRole: AccessRole | null = null,
): Judgement {
  const enough = paths.filter(({ role }) =>
    minRole === null ? role !== 'EMAIL_ONLY' : isAtLeast(role, minRole),
  );
  const good = enough.filter(({ role }) => maxRole === null || isAtMost(role, maxRole));
  const [path, ...alternatives] = good;
  if (path) return { path, alternatives };
  if (paths.length === 0) return { refused: 'no_access_path', bestRole: null };
  const tooMuch = enough.length > 0 ? 'role_too_high' : 'role_too_low';
  // An unknown role may be the right one, so "too low" and "too high" would be guesses.
  const refused = paths.some(({ role }) => role === null) ? 'role_unknown' : tooMuch;
  return { refused, bestRole: paths.find(({ role }) => role !== null)?.role ?? null };
}
