import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../domain/cache-memory.js';
import { AccessTokenService } from '../access-tokens/access-token.service.js';
import { tokenIdOf } from '../access-tokens/grant-cache.js';
import type { GrantRequest } from '../access-tokens/token-request.js';
import { Settings } from '../config/settings.js';
import { AccessMap } from '../domain/ads/access-map.js';
import { CircularTree } from '../domain/ads/account-tree.js';
import { ADS_CONCERNS, AdsFailure, explainAdsFailure } from '../domain/ads/ads-failure.js';
import { BrokerError } from '../domain/errors.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { FairQueue } from '../outbound/fair-queue.js';
import { TurnNotTaken, WorkInFlight } from '../outbound/shared-work.js';
import { AccountTreesRepository, type SyncedTree } from '../token-store/ads/account-trees.repository.js';
import { AccountTreeCrawler } from './account-tree-crawler.js';

const RETRY_AFTER_SECONDS = 30;
/** Each synchronization sends five requests at a time, and can take most of a minute. */
const CONCURRENCY = 10;
const MAX_FAILURES = 10_000;

/**
 * Reads the account tree of a grant from Google Ads and stores it. Concurrent callers in this process share one
 * synchronization; services get their turns from a fair queue; a failure is cached for ADS_MIN_AGE. A tree is never replaced by a smaller
 * one for which Google was only too slow.
 */
@Injectable()
export class AccountTreeSync {
  readonly #log = new Logger(AccountTreeSync.name);
  readonly #work: WorkInFlight<SyncedTree, null>;
  readonly #failures: LRUCache<string, BrokerError> | null;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly accessTokens: AccessTokenService,
    private readonly trees: AccountTreesRepository,
    private readonly crawler: AccountTreeCrawler,
  ) {
    this.#work = new WorkInFlight(new FairQueue(CONCURRENCY), settings.googleQueueMs);
    const ttl = settings.adsMinAge * 1000;
    const perf = { now: () => clock.monotonicMs() };
    this.#failures =
      ttl === 0 ? null : new LRUCache({ ...cacheBound(MAX_FAILURES), ttl, ttlResolution: 0, perf });
  }

  /** @throws {BrokerError} as GET /tokens/:userId does; for Google Ads also `client_misconfigured`, `no_ads_access`, `google_unavailable` */
  async sync(callerRequest: GrantRequest, grant: Grant): Promise<SyncedTree> {
    // Exactly this grant, even where the user connects another account meanwhile.
    const request = { ...callerRequest, account: grant.account.sub };
    // Before joining others: each caller must be allowed a token itself.
    const token = await this.accessTokens.tokenFor(request);
    const failure = this.#failures?.get(keyOf(grant));
    if (failure) throw failure;
    const isJoining = this.#work.has(grant.id);
    const lane = { service: request.service.id, client: grant.client, isBackground: false };
    try {
      const synced = await this.#work.share(
        grant.id,
        { lane, about: null, callerSignal: request.callerSignal?.() },
        // All callers share it: it continues when one of them disconnects.
        (work) => work.turn(() => this.#sync({ ...request, callerSignal: undefined }, grant, token)),
      );
      // It can take most of a minute: the service may have been revoked or restricted meanwhile.
      await this.accessTokens.grantFor(request);
      return synced;
    } catch (error) {
      // The caller that started it was refused, with a link of its own: this one tries by itself.
      if (isJoining && isRefusalOfCaller(error)) return this.sync(callerRequest, grant);
      if (!(error instanceof TurnNotTaken)) throw error;
      throw new BrokerError(
        'google_unavailable',
        `Too many Google Ads requests are queued (${error.why}). Try again soon.`,
        { retry_after: RETRY_AFTER_SECONDS },
      );
    }
  }

  async #sync(request: GrantRequest, grant: Grant, token: AccessToken): Promise<SyncedTree> {
    try {
      const synced = await this.#crawl(token, grant).catch(async (error: unknown) => {
        if (!(error instanceof AdsFailure) || error.kind !== 'token_rejected') throw error;
        // It ended before it expired. A refresh shows whether the grant is still active.
        const refused = tokenIdOf(token);
        return this.#crawl(await this.accessTokens.tokenFor({ ...request, refused }), grant);
      });
      if (await this.trees.save(grant, synced)) return synced;
      // A newer one was stored meanwhile, or the grant is gone.
      const newer = await this.trees.find(grant);
      if (newer) return newer;
      throw new BrokerError('not_connected', 'The grant was disconnected while Google Ads was asked.');
    } catch (error) {
      const refusal = this.#refusal(error, request, grant);
      if (refusal instanceof BrokerError && refusal !== error) this.#failures?.set(keyOf(grant), refusal);
      throw refusal;
    }
  }

  async #crawl({ token }: AccessToken, grant: Grant): Promise<SyncedTree> {
    const syncedAt = this.clock.now();
    const startedAt = this.clock.monotonicMs();
    const { tree, isCutShort } = await this.crawler.crawl(token, grant.account.email);
    if (isCutShort) {
      const stored = await this.trees.find(grant);
      if (stored && stored.tree.accounts.length > tree.accounts.length)
        throw new AdsFailure('unavailable', 'timeout', 'not all accounts were listed in time');
    }
    // Throws for a circular tree, before it is stored.
    const { unknown, unreached } = new AccessMap(tree);
    this.#log.log({
      grant: grant.id,
      accounts: tree.accounts.length,
      gaps: tree.gaps.length,
      causes: [...new Set(tree.gaps.flatMap(({ cause }) => cause ?? []))],
      orphans: unknown.length + unreached.length,
      ms: Math.round(this.clock.monotonicMs() - startedAt),
    });
    return { tree, syncedAt };
  }

  #refusal(error: unknown, { client }: GrantRequest, grant: Grant): unknown {
    if (error instanceof CircularTree) {
      this.#log.warn({ grant: grant.id, cycle: error.cycle }, 'Google Ads reports a cycle of managers');
      return new BrokerError(
        'google_unavailable',
        `Google Ads reports a cycle of managers (${error.cycle.join(', ')}). Nothing was stored; try again later.`,
        { retry_after: RETRY_AFTER_SECONDS },
      );
    }
    if (!(error instanceof AdsFailure)) return error;
    const { kind, error: googleError, description, retryAfterSeconds } = error;
    const { meaning, whoMustAct, remedy } = explainAdsFailure(error);
    this.#log.warn({ grant: grant.id, kind, error: googleError }, 'Google Ads did not list the accounts');
    const isAboutAccounts = ADS_CONCERNS[kind] === 'account';
    // Without a list of accounts it is not known which one refuses: the operator's part is then the project's.
    if (kind === 'project_rejected' || (isAboutAccounts && whoMustAct === 'operator')) {
      return new BrokerError(
        'client_misconfigured',
        `The Google Ads API refuses the project of the client ${client.alias}: ${googleError}. ${meaning} ${remedy}`,
        {
          google_error: googleError,
          google_error_description: description,
          cause: 'ads_api_rejected',
          who_must_act: whoMustAct,
        },
      );
    }
    if (isAboutAccounts) {
      return new BrokerError(
        'no_ads_access',
        `Google Ads lists no accounts of ${grant.account.email ?? grant.account.sub} (${googleError}). ${meaning} ${remedy}`,
        { reason: 'account_refused', cause: googleError, who_must_act: whoMustAct },
      );
    }
    return new BrokerError(
      'google_unavailable',
      `Google Ads did not list the user's accounts (${googleError}). ${meaning} ${remedy}`,
      { retry_after: retryAfterSeconds ?? RETRY_AFTER_SECONDS },
    );
  }
}

/** Failures of Google Ads concern all callers of a synchronization; others concern the service that started it. */
function isRefusalOfCaller(error: unknown): boolean {
  return (
    error instanceof BrokerError &&
    error.code !== 'google_unavailable' &&
    error.code !== 'no_ads_access' &&
    error.code !== 'client_misconfigured'
  );
}

/** With the version: after a consent or a change of scopes, an earlier failure does not count. */
function keyOf({ id, version }: Grant): string {
  return `${id} ${version}`;
}
