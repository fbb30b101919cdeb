import type { AccessRole } from '../domain/ads/access-role.js';
import type {
  AccountTree,
  AdsAccount,
  DirectAccess,
  ManagerLink,
  TreeGap,
} from '../domain/ads/account-tree.js';

/** An account to ask about, and the root that leads there: itself, where the user was invited to it. */
export interface Visit {
  readonly id: string;
  readonly root: string;
}

export interface Visited {
  /** Null: Google told nothing about it. */
  readonly account: AdsAccount | null;
  readonly clients: readonly AdsAccount[];
  readonly gap: TreeGap['why'] | null;
  readonly role: AccessRole | null;
}

export const CUT_OFF: Visited = { account: null, clients: [], gap: 'cut_off', role: null };

/** A tree while it is being drawn: what is known of it, and whom to ask next, nearest first and each once. */
export class TreeSketch {
  readonly #accounts = new Map<string, AdsAccount>();
  readonly #links: ManagerLink[] = [];
  readonly #direct: DirectAccess[] = [];
  readonly #gaps: TreeGap[] = [];
  readonly #planned = new Set<string>();
  readonly #queue: Visit[] = [];
  #visits = 0;

  /** Accounts known so far. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Visits drawn so far. */
  get visits(): number {
    return this.#visits;
  }

  plan(visits: readonly Visit[]): void {
    for (const visit of visits) {
      if (this.#planned.has(visit.id)) continue;
      this.#planned.add(visit.id);
      this.#queue.push(visit);
    }
  }

  next(most: number): Visit[] {
    return this.#queue.splice(0, most);
  }

  draw({ id, root }: Visit, { account, clients, gap, role }: Visited): void {
    this.#visits++;
    this.#accounts.set(id, account ?? this.#accounts.get(id) ?? nameless(id));
    if (id === root) this.#direct.push({ customer: id, role });
    if (gap) this.#gaps.push({ customer: id, why: gap });
    for (const client of clients) {
      this.#links.push({ manager: id, client: client.id });
      if (!this.#accounts.has(client.id)) this.#accounts.set(client.id, client);
    }
    this.plan(clients.filter(({ manager }) => manager).map((client) => ({ id: client.id, root })));
  }

  tree(): AccountTree {
    return {
      accounts: [...this.#accounts.values()],
      links: this.#links,
      direct: this.#direct,
      gaps: this.#gaps,
    };
  }
}

function nameless(id: string): AdsAccount {
  return { id, name: null, manager: false, status: null };
}
