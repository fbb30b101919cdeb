import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { allowedScopes, assertAllowed, assertAnyScope } from '../domain/access/policy.js';
import { ActivityCounts } from '../domain/activity.js';
import { BrokerError, integrityFailed } from '../domain/errors.js';
import { isTransient } from '../domain/google/google-failure.js';
import { missingScopes, sameScopes, scopeKey } from '../domain/google/scopes.js';
import { type AccessToken, type Grant, isAccount } from '../domain/grant/grant.js';
import type { CachedGrant, CachedToken } from '../domain/grant/packed-grant.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { ServiceCache } from '../services/service-cache.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import { GrantCache, tokenIdOf, type UserGrants } from './grant-cache.js';
import { RefreshResults } from './refresh-results.js';
import { throwRepeatable, TokenErrors } from './token-errors.js';
import type { GrantRequest, IssuedTokenSource, TokenRequest } from './token-request.js';
import { TokenRefresher } from './token-refresher.js';

/** Versions of a grant that one request sees before it gives up: consents and disconnects rarely come in a row. */
const MAX_CHANGES = 3;
/** Reads of a grant. Higher, since a grant that is requested in many sets of scopes is refreshed for one after the other. */
const MAX_ATTEMPTS = 100;
/** For the broker's own requests: long enough for the longest synchronization with Google Ads. */
const OWN_MIN_TTL_SECONDS = 120;

export interface IssuedToken {
  readonly grant: Grant;
  readonly token: AccessToken;
  readonly source: IssuedTokenSource;
  /** The cache entries that the token came from; null where its response may not be cached. */
  readonly cached: { readonly user: UserGrants; readonly token: CachedToken } | null;
}

/** Access tokens of users. A request reads the grant, refreshes its token where needed, and reads again where the grant changed. */
@Injectable()
export class AccessTokenService {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantCache,
    private readonly services: ServiceCache,
    private readonly refresher: TokenRefresher,
    private readonly results: RefreshResults,
    private readonly errors: TokenErrors,
    private readonly database: DatabaseHealth,
    private readonly activity: ActivityCounts,
  ) {}

  /** @throws {BrokerError} any code of http/problem/problem-table.ts */
  async get(request: TokenRequest): Promise<IssuedToken> {
    const { userId, client, minTtlSeconds, refused } = request;
    try {
      assertAllowed(request.service, userId, client.alias, request.scopes);
      assertAnyScope(request.service);
    } catch (error) {
      throwRepeatable(error, null);
    }
    const versions = new Set<string>();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && versions.size <= MAX_CHANGES; attempt++) {
      const user = await this.grants.find(userId, client.alias);
      const { grant, tokens, scopes } = await this.#decide(user, request);
      versions.add(`${grant.id} ${grant.version}`);
      const cached = tokens.get(scopeKey(scopes));
      const isRefused = cached !== undefined && isNamed(cached, refused);
      if (cached && !isRefused && isFresh(cached, this.clock.now(), minTtlSeconds)) {
        if (cached.refreshFrom <= this.clock.now()) this.#refreshInBackground(request, grant, scopes);
        return this.#issued({ grant, token: cached, source: 'store', cached: { user, token: cached } });
      }
      const unsaved = this.results.unsavedToken(grant, scopes);
      if (unsaved && !isNamed(unsaved, refused) && isFresh(unsaved, this.clock.now(), minTtlSeconds))
        return this.#issued({ grant, token: unsaved, source: 'store', cached: null });
      const refreshed = await this.#refresh(request, grant, scopes, isRefused ? cached : null);
      if (refreshed) {
        await this.#assertStillAllowedIfKnown(request, scopes);
        return this.#issued({ grant, ...refreshed, cached: null });
      }
      // Of all who waited, one evicts it, and all share the next read.
      if (user.isCurrent) this.grants.evict(userId, client.alias);
    }
    throw new BrokerError('google_unavailable', 'The grant keeps changing. Try again soon.', {
      retry_after: 1,
    });
  }

  /**
   * A token for a request of the broker itself, under the rules of GET /tokens/:userId.
   * @throws {BrokerError} as `get` does
   */
  async tokenFor(request: GrantRequest): Promise<AccessToken> {
    await this.#assertStillAllowed(request, request.scopes);
    const { token } = await this.get({ ...request, minTtlSeconds: OWN_MIN_TTL_SECONDS });
    return token;
  }

  /**
   * The grant that a request means, if it holds the scopes. Sends nothing to Google.
   * @throws {BrokerError} as `get` does
   */
  async grantFor(request: GrantRequest): Promise<Grant> {
    await this.#assertStillAllowed(request, request.scopes);
    const user = await this.grants.find(request.userId, request.client.alias);
    const { grant } = await this.#choose(user, request);
    await this.#assertGranted(request, grant);
    return grant;
  }

  #issued(issued: IssuedToken): IssuedToken {
    this.activity.add(issued.source === 'store' ? 'tokens.stored' : 'tokens.refreshed');
    return issued;
  }

  /** @throws {RepeatableRefusal} what `#choose` and `#scopesFor` throw */
  async #decide(user: UserGrants, request: TokenRequest) {
    const { revision } = user;
    try {
      const { grant, tokens } = await this.#choose(user, request);
      return { grant, tokens, scopes: await this.#scopesFor(request, grant) };
    } catch (error) {
      return throwRepeatable(error, { user, revision });
    }
  }

  /** @throws {BrokerError} `not_connected`, `ambiguous_account`, `reconnect_required` or `integrity_failed` */
  async #choose({ grants }: UserGrants, request: GrantRequest): Promise<CachedGrant> {
    const { account } = request;
    const matching =
      account === null ? grants : grants.filter(({ grant }) => isAccount(grant.account, account));
    const active = matching.filter(({ grant }) => grant.status === 'active');
    const intact = active.filter(({ isIntact }) => isIntact);
    if (intact.length > 1) throw this.errors.ambiguousAccount(intact.map(({ grant }) => grant.account));
    if (intact[0]) return intact[0];
    if (active.length > 0) throw integrityFailed();
    // The newest explains best why there is no token now.
    const dead = matching.at(-1);
    if (dead) throw await this.errors.reconnectRequired(request, dead.grant);
    throw await this.errors.notConnected(
      request,
      grants.map(({ grant }) => grant.account),
    );
  }

  async #assertGranted(request: GrantRequest, grant: Grant): Promise<void> {
    const missing = missingScopes(request.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.errors.insufficientScope(request, grant, missing);
  }

  /** The scopes of the token: all that the grant holds and the service's policy allows. */
  async #scopesFor(request: TokenRequest, grant: Grant): Promise<string[]> {
    await this.#assertGranted(request, grant);
    const { name, policy } = request.service;
    const scopes = allowedScopes(policy, grant.grantedScopes);
    if (scopes.length === 0) throw await this.errors.insufficientScope(request, grant, policy.scopes);
    // A service account's token is requested with its scopes: nothing is narrowed.
    const isNarrowed = grant.kind === 'user' && !sameScopes(scopes, grant.grantedScopes);
    if (!this.settings.narrowScopes && isNarrowed) {
      throw new BrokerError(
        'not_allowed',
        `The grant holds more scopes than the service ${name} may have, and NARROW_SCOPES is off.`,
      );
    }
    return scopes;
  }

  /**
   * @param refused the current token, where the request names it
   * @returns null when the grant changed and must be read again
   */
  async #refresh(
    request: TokenRequest,
    grant: Grant,
    scopes: readonly string[],
    refused: AccessToken | null,
  ): Promise<Pick<IssuedToken, 'token' | 'source'> | null> {
    const { service, requestId, callerSignal } = request;
    const caller = { service, requestId, callerSignal, refused };
    const result = await this.refresher.refresh(grant, scopes, caller).catch((error: unknown) => {
      if (this.database.isOutage(error)) return { kind: 'outage', error } as const;
      throw error;
    });
    if (result.kind === 'token') {
      if (!isNamed(result.token, request.refused)) return { token: result.token, source: result.source };
      throw new BrokerError(
        'google_unavailable',
        'There is no newer token yet than the one that Google refused. Try again soon.',
        { retry_after: 1 },
      );
    }
    if (result.kind === 'changed') return null;
    if (result.kind === 'failed' || result.kind === 'outage') {
      // Google can take seconds to fail: decide by the grant as it is now.
      const user = await this.grants.find(request.userId, request.client.alias);
      const current = await this.#choose(user, request);
      if (current.grant.id !== grant.id || current.grant.version !== grant.version) return null;
      const cached = current.tokens.get(scopeKey(scopes));
      // One that expires before min_ttl is better than none.
      const isUsable = cached && !isNamed(cached, request.refused) && isFresh(cached, this.clock.now(), 1);
      if (isUsable && (result.kind === 'outage' || isTransient(result.failure)))
        return { token: cached, source: 'store' };
      if (result.kind === 'outage') throw result.error;
    }
    throw await this.errors.ofRefresh(result, request, grant);
  }

  /** Before the token expires. No caller waits for it, and a failure is reported as for any refresh. */
  #refreshInBackground(request: TokenRequest, grant: Grant, scopes: readonly string[]): void {
    const { service, requestId, userId, client } = request;
    this.refresher.refresh(grant, scopes, { service, requestId, isBackground: true }).then(
      ({ kind }) => {
        // Another replica was first: its token is read at the next call.
        if (kind === 'changed') this.grants.evict(userId, client.alias);
      },
      () => undefined,
    );
  }

  /**
   * By the policy as it is now, not as it was when the request came: Google can take seconds.
   * @throws {BrokerError} `unauthenticated` or `not_allowed`
   */
  async #assertStillAllowed(
    { service, userId, client }: GrantRequest,
    scopes: readonly string[],
  ): Promise<void> {
    const current = await this.services.findActive(service.id);
    if (!current) throw new BrokerError('unauthenticated', 'This service was revoked during its request.');
    assertAllowed(current, userId, client.alias, scopes);
  }

  /** During an outage of the database nothing newer can be known: what was allowed at the start counts. */
  async #assertStillAllowedIfKnown(request: GrantRequest, scopes: readonly string[]): Promise<void> {
    try {
      await this.#assertStillAllowed(request, scopes);
    } catch (error) {
      if (error instanceof BrokerError || !this.database.isOutage(error)) throw error;
    }
  }
}

function isNamed(token: AccessToken, tokenId: string | undefined): boolean {
  return tokenId !== undefined && tokenIdOf(token) === tokenId;
}
