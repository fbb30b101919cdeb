import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type UserTokenRequest, UserTokens } from '../access-tokens/user-tokens.js';
import { Settings } from '../config/settings.js';
import { AccessMap } from '../domain/ads/access-map.js';
import { CircularTree } from '../domain/ads/account-tree.js';
import { AdsFailure } from '../domain/ads/ads-failure.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { FairQueue } from '../outbound/fair-queue.js';
import { SharedWork, TurnNotTaken } from '../outbound/shared-work.js';
import { AccountTreesRepository, type SyncedTree } from '../token-store/ads/account-trees.repository.js';
import { WalkAccounts } from './account-tree-crawler.js';

const RETRY_AFTER_SECONDS = 30;
/** Synchronisations at a time; each sends five requests at a time, and can take most of a minute. */
const AT_ONCE = 10;
const MAX_FAILURES = 10_000;

/**
 * Asks Google for a user's accounts and keeps the answer. However many ask at once in this process, Google is asked once
 * for a user; services take turns. What just failed is not asked for again at once.
 */
@Injectable()
export class SyncAccountTree {
  readonly #log = new Logger(SyncAccountTree.name);
  readonly #underWay = new Map<string, SharedWork<SyncedTree, null>>();
  readonly #queue = new FairQueue(AT_ONCE);
  readonly #failures: LRUCache<string, BrokerError> | null;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly tokens: UserTokens,
    private readonly trees: AccountTreesRepository,
    private readonly accounts: WalkAccounts,
  ) {
    const ttl = settings.adsMinAgeSeconds * 1000;
    const perf = { now: () => clock.monotonicMs() };
    this.#failures = ttl === 0 ? null : new LRUCache({ max: MAX_FAILURES, ttl, ttlResolution: 0, perf });
  }

  /** @throws {BrokerError} of GET /tokens/:userId, and `client_misconfigured`, `google_unavailable` for Google Ads */
  async sync(tokenRequest: UserTokenRequest, grant: Grant): Promise<SyncedTree> {
    // The very grant that was found, whatever was connected meanwhile.
    const ownWish = { ...tokenRequest, account: grant.account.sub };
    // Before joining others: each caller's token is its own matter.
    const token = await this.tokens.tokenOf(ownWish);
    const failure = this.#failures?.get(keyOf(grant));
    if (failure) throw failure;
    const underWay = this.#underWay.get(grant.id);
    const work = underWay ?? this.#newWork(grant.id);
    const lane = { service: tokenRequest.service.id, client: grant.client, isBackground: false };
    const result = work.join({ lane, about: null, hangUp: tokenRequest.hangUp?.() });
    // For all who share it: none of them ends it by hanging up.
    if (!underWay) this.#start(work, { ...ownWish, hangUp: undefined }, grant, token);
    try {
      const synced = await result;
      // It can take most of a minute. A service that may not ask any more gets nothing of it.
      await this.tokens.grantOf(ownWish);
      return synced;
    } catch (error) {
      // Whoever began it was refused, in its own name and with a link of its own: this caller asks for itself.
      if (underWay && isRefusalOfCaller(error)) return this.sync(tokenRequest, grant);
      if (!(error instanceof TurnNotTaken)) throw error;
      throw new BrokerError(
        'google_unavailable',
        `Too many calls wait for Google Ads before this one (${error.why}). Try again soon.`,
        { retry_after: RETRY_AFTER_SECONDS },
      );
    }
  }

  #newWork(grantId: string): SharedWork<SyncedTree, null> {
    return new SharedWork(this.#queue, this.settings.googleQueueMs, () => this.#underWay.delete(grantId));
  }

  #start(
    work: SharedWork<SyncedTree, null>,
    tokenRequest: UserTokenRequest,
    grant: Grant,
    token: Secret,
  ): void {
    this.#underWay.set(grant.id, work);
    void work
      .run(() => work.turn(() => this.#sync(tokenRequest, grant, token)))
      .finally(() => {
        if (this.#underWay.get(grant.id) === work) this.#underWay.delete(grant.id);
      });
  }

  async #sync(tokenRequest: UserTokenRequest, grant: Grant, token: Secret): Promise<SyncedTree> {
    try {
      const synced = await this.#walk(token, grant).catch(async (error: unknown) => {
        if (!(error instanceof AdsFailure) || error.kind !== 'token_rejected') throw error;
        // It died before its time. A new one, or the refusal of it, tells whether the grant lives.
        return this.#walk(await this.tokens.tokenOf(tokenRequest, 'renew'), grant);
      });
      if (await this.trees.save(grant.id, synced)) return synced;
      // A newer one was kept meanwhile, or there is nothing to keep it with any more.
      const kept = await this.trees.find(grant.id);
      if (kept) return kept;
      throw new BrokerError('not_connected', 'The grant was disconnected while Google Ads was asked.');
    } catch (error) {
      const refusal = this.#refusal(error, tokenRequest, grant);
      if (refusal instanceof BrokerError && refusal !== error) this.#failures?.set(keyOf(grant), refusal);
      throw refusal;
    }
  }

  async #walk(token: Secret, grant: Grant): Promise<SyncedTree> {
    const syncedAt = this.clock.now();
    const startedAt = this.clock.monotonicMs();
    const tree = await this.accounts.walk(token, grant.account.email);
    // Refuses a tree that is none, before it is kept.
    const { unknown, unreached } = new AccessMap(tree);
    this.#log.log({
      grant: grant.id,
      accounts: tree.accounts.length,
      gaps: tree.gaps.length,
      orphans: unknown.length + unreached.length,
      ms: Math.round(this.clock.monotonicMs() - startedAt),
    });
    return { tree, syncedAt };
  }

  #refusal(error: unknown, { client }: UserTokenRequest, grant: Grant): unknown {
    if (error instanceof CircularTree) {
      this.#log.warn({ grant: grant.id, circle: error.circle }, 'Google Ads lists managers in a circle');
      return new BrokerError(
        'google_unavailable',
        `Google Ads lists managers in a circle (${error.circle.join(', ')}). Nothing was kept; try again later.`,
        { retry_after: RETRY_AFTER_SECONDS },
      );
    }
    if (!(error instanceof AdsFailure)) return error;
    const { kind, error: googleError, description, retryAfterSeconds } = error;
    this.#log.warn({ grant: grant.id, kind, error: googleError }, 'Google Ads did not list the accounts');
    if (kind === 'project_rejected') {
      return new BrokerError(
        'client_misconfigured',
        `The Google Ads API refuses the project of the client ${client.alias}: ${googleError}. ` +
          'Is the API enabled in its console, and GOOGLE_ADS_API_VERSION still served?',
        {
          google_error: googleError,
          google_error_description: description,
          cause: 'ads_api_rejected',
          who_must_act: 'operator',
        },
      );
    }
    return new BrokerError(
      'google_unavailable',
      `Google Ads did not list the user's accounts (${googleError}). Try again soon.`,
      { retry_after: retryAfterSeconds ?? RETRY_AFTER_SECONDS },
    );
  }
}

/** What Google Ads said concerns all who share a synchronisation; all else is about the service that began it. */
function isRefusalOfCaller(error: unknown): boolean {
  return (
    error instanceof BrokerError &&
    error.code !== 'google_unavailable' &&
    error.code !== 'client_misconfigured'
  );
}

/** A consent or a change of scopes ends what was remembered. */
function keyOf({ id, version }: Grant): string {
  return `${id} ${version}`;
}
