import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import type {
  AccountTree,
  AdsAccount,
  DirectAccess,
  ManagerLink,
  TreeGap,
} from '../domain/ads/account-tree.js';
import { ADS_CONCERNS, AdsFailure, explainAdsFailure } from '../domain/ads/ads-failure.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import type { AdsCall } from '../google/ads/ads-http.client.js';
import { GoogleAdsApi } from '../google/ads/google-ads-api.js';

/** Accounts that one crawl lists at a time. */
const CONCURRENCY = 5;
/** Limits of one crawl; accounts beyond them become gaps. */
const MAX_ACCOUNTS = 50_000;
const MAX_SECONDS = 45;

/** An account to list, and the root that leads to it: itself, where the user has direct access. */
interface AccountToList {
  readonly id: string;
  readonly root: string;
}

type Gap = Omit<TreeGap, 'customer'>;

interface Visited {
  /** Null: Google said nothing about it. */
  readonly account: AdsAccount | null;
  readonly clients: readonly AdsAccount[];
  readonly gap: Gap | null;
  readonly role: AccessRole | null;
}

const CUT_OFF: Visited = { account: null, clients: [], gap: { why: 'cut_off' }, role: null };

/**
 * Reads all accounts that a user reaches from Google Ads. The API lists the accounts below a manager, but not who manages
 * whom; so each manager is asked for the level below it, breadth first, as in Google's guide.
 * https://developers.google.com/google-ads/api/docs/account-management/get-account-hierarchy
 */
@Injectable()
export class AccountTreeCrawler {
  readonly #maxListings: number;

  constructor(
    private readonly api: GoogleAdsApi,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.#maxListings = settings.adsMaxListings;
  }

  /**
   * @param email whose roles are looked up; null: roles stay unknown
   * @throws {AdsFailure} when Google fails as a whole; a refusal of a single account becomes a gap
   */
  async crawl(token: Secret, email: string | null): Promise<AccountTree> {
    const deadline = this.clock.monotonicMs() + MAX_SECONDS * 1000;
    const builder = new AccountTreeBuilder();
    builder.plan((await this.api.accessibleCustomers(token)).map((id) => ({ id, root: id })));
    for (let batch = builder.next(CONCURRENCY); batch.length > 0; batch = builder.next(CONCURRENCY)) {
      const isOver = builder.size >= MAX_ACCOUNTS || this.clock.monotonicMs() >= deadline;
      const left = isOver ? 0 : Math.max(0, this.#maxListings - builder.visits);
      const visited = await Promise.all(
        batch.slice(0, left).map((visit) => this.#visit(token, visit, email)),
      );
      for (const [index, visit] of batch.entries()) builder.add(visit, visited[index] ?? CUT_OFF);
    }
    const tree = builder.build();
    assertAdmitted(tree.gaps, builder.visits);
    return tree;
  }

  async #visit(token: Secret, { id, root }: AccountToList, email: string | null): Promise<Visited> {
    const call: AdsCall = { token, customerId: id, loginCustomerId: root };
    try {
      const { self, clients, isCutOff } = await this.api.list(call);
      return {
        account: self ?? (await this.api.account(call)),
        clients,
        gap: isCutOff ? { why: 'cut_off' } : null,
        role: id === root && email !== null ? await this.#role(call, email) : null,
      };
    } catch (error) {
      return { account: null, clients: [], gap: gapOf(error), role: null };
    }
  }

  /** Google may show roles to administrators only: then this one stays unknown. */
  async #role(call: AdsCall, email: string): Promise<AccessRole | null> {
    try {
      return await this.api.roleOf(call, email);
    } catch (error) {
      gapOf(error);
      return null;
    }
  }
}

/** @throws what is not about this account alone */
function gapOf(error: unknown): Gap {
  if (!(error instanceof AdsFailure)) throw error;
  const { kind, error: cause } = error;
  // Google listed the account as the user's: the others are still to be served.
  if (kind === 'no_ads_user') return { why: 'refused', cause };
  if (ADS_CONCERNS[kind] !== 'account') throw error;
  return { why: kind === 'closed' || kind === 'blocked' ? kind : 'refused', cause };
}

/** @throws {AdsFailure} where every account refuses for a reason that the operator must remedy: the project's, then */
function assertAdmitted(gaps: readonly TreeGap[], visits: number): void {
  const refusals = gaps.flatMap(({ why, cause }) =>
    why === 'blocked' && cause !== undefined ? [new AdsFailure(why, cause)] : [],
  );
  const [first] = refusals;
  if (!first || refusals.length < visits) return;
  if (refusals.every((refusal) => explainAdsFailure(refusal).whoMustAct === 'operator')) throw first;
}

/** The tree so far, and a queue of accounts to list: nearest first, each once. */
class AccountTreeBuilder {
  readonly #accounts = new Map<string, AdsAccount>();
  readonly #links: ManagerLink[] = [];
  readonly #direct: DirectAccess[] = [];
  readonly #gaps: TreeGap[] = [];
  readonly #planned = new Set<string>();
  readonly #queue: AccountToList[] = [];
  #visits = 0;

  get size(): number {
    return this.#accounts.size;
  }

  get visits(): number {
    return this.#visits;
  }

  plan(visits: readonly AccountToList[]): void {
    for (const visit of visits) {
      if (this.#planned.has(visit.id)) continue;
      this.#planned.add(visit.id);
      this.#queue.push(visit);
    }
  }

  next(max: number): AccountToList[] {
    return this.#queue.splice(0, max);
  }

  add({ id, root }: AccountToList, { account, clients, gap, role }: Visited): void {
    this.#visits++;
    this.#accounts.set(id, account ?? this.#accounts.get(id) ?? nameless(id));
    if (id === root) this.#direct.push({ customer: id, role });
    if (gap) this.#gaps.push({ customer: id, ...gap });
    for (const client of clients) {
      this.#links.push({ manager: id, client: client.id });
      if (!this.#accounts.has(client.id)) this.#accounts.set(client.id, client);
    }
    this.plan(clients.filter(({ manager }) => manager).map((client) => ({ id: client.id, root })));
  }

  build(): AccountTree {
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
