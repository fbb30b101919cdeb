import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import type {
  AccountTree,
  AdsAccount,
  DirectAccess,
  DistantAccess,
  ManagerLink,
  TreeGap,
} from '../domain/ads/account-tree.js';
import { ADS_CONCERNS, AdsFailure, explainAdsFailure } from '../domain/ads/ads-failure.js';
import { distances, type Neighbours, neighboursOf } from '../domain/ads/links.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import type { AccountBelow, AdsCall } from '../google/ads/ads-http.client.js';
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

/** What one crawl found. */
interface CrawledTree {
  readonly tree: AccountTree;
  /** Google was too slow to list all: another crawl may find more. */
  readonly isCutShort: boolean;
}

const CUT_OFF: Visited = { account: null, clients: [], gap: { why: 'cut_off' }, role: null };

/**
 * Reads all accounts that a user reaches from Google Ads. The API lists the accounts below a manager, but not who manages
 * whom; so each manager is asked for the level below it, breadth first, as in Google's guide. Where one refuses to answer, the roots
 * above it are asked for everything below them.
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
  async crawl(token: Secret, email: string | null): Promise<CrawledTree> {
    const deadline = this.clock.monotonicMs() + MAX_SECONDS * 1000;
    let isCutShort = false;
    const builder = new AccountTreeBuilder();
    builder.plan((await this.api.accessibleCustomers(token)).map((id) => ({ id, root: id })));
    const left = () => {
      const allowed = builder.size >= MAX_ACCOUNTS ? 0 : Math.max(0, this.#maxListings - builder.visits);
      const isLate = this.clock.monotonicMs() >= deadline;
      isCutShort ||= isLate && allowed > 0;
      return isLate ? 0 : allowed;
    };
    for (let batch = builder.next(CONCURRENCY); batch.length > 0; batch = builder.next(CONCURRENCY)) {
      const visited = await Promise.all(
        batch.slice(0, left()).map((visit) => this.#visit(token, visit, email)),
      );
      for (const [index, visit] of batch.entries()) builder.add(visit, visited[index] ?? CUT_OFF);
    }
    assertAdmitted(builder.gaps, builder.visits);
    const neighbours = neighboursOf(builder.links);
    for (const root of builder.rootsAboveRefusals(neighbours.managers)) {
      if (left() === 0) break;
      builder.addDistant(root, await this.#everythingBelow(token, root), neighbours.clients);
    }
    return { tree: builder.build(), isCutShort };
  }

  /** Whatever Google answers, what was listed already is served: the gap says that something is missing. */
  async #everythingBelow(token: Secret, root: string): Promise<readonly AccountBelow[]> {
    try {
      return await this.api.listAll({ token, customerId: root, loginCustomerId: root });
    } catch (error) {
      // Another token is tried, and lists all again.
      if (!(error instanceof AdsFailure) || error.kind === 'token_rejected') throw error;
      return [];
    }
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
  readonly #distant: DistantAccess[] = [];
  readonly #planned = new Set<string>();
  readonly #queue: AccountToList[] = [];
  #visits = 0;

  get size(): number {
    return this.#accounts.size;
  }

  get visits(): number {
    return this.#visits;
  }

  get gaps(): readonly TreeGap[] {
    return this.#gaps;
  }

  get links(): readonly ManagerLink[] {
    return this.#links;
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

  /** The roots that lead to an account whose answer does not say what is below it, and that answer themselves. */
  rootsAboveRefusals(managers: Neighbours): string[] {
    const refusing = this.#gaps.filter(({ why }) => why === 'refused' || why === 'blocked');
    const below = new Set(refusing.map(({ customer }) => customer));
    const above = distances(below, managers);
    return this.#direct.map(({ customer }) => customer).filter((id) => above.has(id) && !below.has(id));
  }

  /** What links lead to is known better than by its distance. */
  addDistant(root: string, found: readonly AccountBelow[], clients: Neighbours): void {
    this.#visits++;
    const linked = distances([root], clients);
    for (const { account, level } of found) {
      if (linked.has(account.id)) continue;
      if (this.size >= MAX_ACCOUNTS || this.#distant.length >= MAX_ACCOUNTS) break;
      if (!this.#accounts.has(account.id)) this.#accounts.set(account.id, account);
      this.#distant.push({ root, customer: account.id, distance: level });
    }
  }

  build(): AccountTree {
    return {
      accounts: [...this.#accounts.values()],
      links: this.#links,
      direct: this.#direct,
      gaps: this.#gaps,
      ...(this.#distant.length === 0 ? {} : { distant: this.#distant }),
    };
  }
}

function nameless(id: string): AdsAccount {
  return { id, name: null, manager: false, status: null };
}
