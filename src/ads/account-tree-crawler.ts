import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import type { AccountTree, TreeGap } from '../domain/ads/account-tree.js';
import { AdsFailure } from '../domain/ads/ads-failure.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import type { AdsCall } from '../google/ads/ads-http.client.js';
import { GoogleAdsApi } from '../google/ads/google-ads-api.js';
import { CUT_OFF, TreeSketch, type Visit, type Visited } from './account-tree-builder.js';

/** Accounts that Google is asked about at once, for one walk. */
const AT_ONCE = 5;
/** A walk ends its listing when it knows so many accounts or took so long; what is missing is said. */
const MAX_ACCOUNTS = 50_000;
const MAX_SECONDS = 45;

/**
 * Asks Google for all that a user reaches. Google tells which accounts are below a manager, but not who manages whom;
 * so each manager is asked for the level below it, breadth first, as Google's guide does it.
 * https://developers.google.com/google-ads/api/docs/account-management/get-account-hierarchy
 */
@Injectable()
export class WalkAccounts {
  readonly #mostListings: number;

  constructor(
    private readonly api: GoogleAdsApi,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.#mostListings = settings.adsMostListings;
  }

  /**
   * @param email whose roles are looked up; null: they stay unknown
   * @throws {AdsFailure} when Google fails as a whole; what it refuses of single accounts becomes a gap
   */
  async walk(token: Secret, email: string | null): Promise<AccountTree> {
    const until = this.clock.monotonicMs() + MAX_SECONDS * 1000;
    const sketch = new TreeSketch();
    sketch.plan((await this.api.accessibleCustomers(token)).map((id) => ({ id, root: id })));
    for (let batch = sketch.next(AT_ONCE); batch.length > 0; batch = sketch.next(AT_ONCE)) {
      const isOver = sketch.size >= MAX_ACCOUNTS || this.clock.monotonicMs() >= until;
      const room = isOver ? 0 : Math.max(0, this.#mostListings - sketch.visits);
      const visits = await Promise.all(batch.slice(0, room).map((each) => this.#visit(token, each, email)));
      for (const [at, visit] of batch.entries()) sketch.draw(visit, visits[at] ?? CUT_OFF);
    }
    return sketch.tree();
  }

  async #visit(token: Secret, { id, root }: Visit, email: string | null): Promise<Visited> {
    const call: AdsCall = { token, customerId: id, loginCustomerId: root };
    try {
      const { self, clients, isCutOff } = await this.api.list(call);
      return {
        account: self ?? (await this.api.account(call)),
        clients,
        gap: isCutOff ? 'cut_off' : null,
        role: id === root && email !== null ? await this.#role(call, email) : null,
      };
    } catch (error) {
      return { account: null, clients: [], gap: gapOf(error), role: null };
    }
  }

  /** Google may tell roles to administrators only: then this one stays unknown. */
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
function gapOf(error: unknown): TreeGap['why'] {
  if (error instanceof AdsFailure && (error.kind === 'refused' || error.kind === 'closed')) return error.kind;
  throw error;
}
