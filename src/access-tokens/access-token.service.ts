import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { allowedScopes, assertAllowed } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { missingScopes, sameScopes, scopeKey } from '../domain/google/scopes.js';
import type { AccessToken, Grant } from '../domain/grant/grant.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { DatabaseHealth } from '../token-store/client/database-health.js';
import { FindGrant } from './find-grant.js';
import { type CachedToken, GrantCache, type UserGrants } from './grant-cache.js';
import { ServiceAuthority } from './service-authority.js';
import { TokenErrors, type TokenRequest } from './token-errors.js';
import { TokenRefresher } from './token-refresher.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

/** A consent or a disconnect makes us look again; more often than this is no coincidence. */
const MAX_CHANGES = 3;
/** So does another's refresh: of a grant that is wanted in many sets of scopes, all are refreshed one after the other. */
const MAX_ATTEMPTS = 100;

export interface IssuedToken {
  readonly grant: Grant;
  readonly token: AccessToken;
  /** What it was decided by, where that may be decided again: the token was known already. */
  readonly known: { readonly user: UserGrants; readonly token: CachedToken } | null;
}

@Injectable()
export class AccessTokenService {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly remembered: GrantCache,
    private readonly findGrant: FindGrant,
    private readonly refreshAccessToken: TokenRefresher,
    private readonly errors: TokenErrors,
    private readonly unsaved: UnsavedRefreshes,
    private readonly authority: ServiceAuthority,
    private readonly database: DatabaseHealth,
  ) {}

  /**
   * @param renew when an API refused the token that we hold, though it is not over
   * @throws {BrokerError} any code of the table in http/problem/problem-table.ts
   */
  async get(tokenRequest: TokenRequest, renew?: 'renew'): Promise<IssuedToken> {
    const { userId, client } = tokenRequest;
    assertAllowed(tokenRequest.service, userId, client.alias, tokenRequest.scopes);
    const versions = new Set<string>();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && versions.size <= MAX_CHANGES; attempt++) {
      const user = await this.remembered.of(userId, client.alias);
      const { grant, tokens } = await this.findGrant.find(user, tokenRequest);
      versions.add(`${grant.id} ${grant.version}`);
      const scopes = await this.#scopesFor(tokenRequest, grant);
      const stored = tokens.get(scopeKey(scopes)) ?? null;
      const isRefused = renew !== undefined && attempt === 1;
      if (stored && !isRefused && isFresh(stored, this.clock.now(), tokenRequest.minTtlSeconds)) {
        if (stored.renewFrom <= this.clock.now()) this.#renewBehind(tokenRequest, grant, scopes);
        return { grant, token: stored, known: { user, token: stored } };
      }
      const unsaved = isRefused ? null : this.unsaved.token(grant, scopes);
      if (unsaved && isFresh(unsaved, this.clock.now(), tokenRequest.minTtlSeconds))
        return { grant, token: unsaved, known: null };
      const token = await this.#renew(tokenRequest, grant, scopes);
      if (token) {
        await this.#assertAuthority(tokenRequest, scopes);
        return { grant, token, known: null };
      }
      this.remembered.forget(userId, client.alias);
    }
    throw new BrokerError('google_unavailable', 'The grant keeps changing. Try again soon.', {
      retry_after: 1,
    });
  }

  /** Where the database went away meanwhile, what was allowed when the call began holds: nothing newer can be known. */
  async #assertAuthority(tokenRequest: TokenRequest, scopes: readonly string[]): Promise<void> {
    try {
      await this.authority.demand(tokenRequest, scopes);
    } catch (error) {
      if (error instanceof BrokerError || !this.database.isOutage(error)) throw error;
    }
  }

  /** What the token shall cover: all that was granted, cut down to what this service may have. */
  async #scopesFor(tokenRequest: TokenRequest, grant: Grant): Promise<string[]> {
    const missing = missingScopes(tokenRequest.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.errors.insufficientScope(tokenRequest, grant, missing);
    const scopes = allowedScopes(tokenRequest.service.policy, grant.grantedScopes);
    if (scopes.length === 0)
      throw await this.errors.insufficientScope(tokenRequest, grant, tokenRequest.service.policy.scopes);
    // A service account asks for what it wants: nothing is narrowed.
    const isNarrowed = grant.kind === 'user' && !sameScopes(scopes, grant.grantedScopes);
    if (!this.settings.narrowScopes && isNarrowed) {
      throw new BrokerError(
        'not_allowed',
        `The grant holds more scopes than the service ${tokenRequest.service.name} may have, and NARROW_SCOPES is off.`,
      );
    }
    return scopes;
  }

  /** @returns null when the grant changed meanwhile and must be read again */
  async #renew(
    tokenRequest: TokenRequest,
    grant: Grant,
    scopes: readonly string[],
  ): Promise<AccessToken | null> {
    try {
      const refreshed = await this.refreshAccessToken.refresh(grant, scopes, tokenRequest);
      switch (refreshed.kind) {
        case 'token':
          return refreshed.token;
        case 'changed':
          return null;
        case 'dead':
          throw await this.errors.reconnectRequired(tokenRequest, grant, refreshed.diagnosis);
        case 'not_narrowed':
          throw new BrokerError(
            'not_allowed',
            `Google did not narrow the token to what ${tokenRequest.service.name} may have.`,
          );
      }
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      // Google can take its time: what the grant is by now counts, not what it was when it was read.
      const user = await this.remembered.of(tokenRequest.userId, tokenRequest.client.alias);
      const now = await this.findGrant.find(user, tokenRequest);
      if (now.grant.id !== grant.id || now.grant.version !== grant.version) return null;
      const stored = now.tokens.get(scopeKey(scopes));
      // A token that lives shorter than asked still beats none.
      if (isTransient(error) && stored && isFresh(stored, this.clock.now(), 1)) return stored;
      throw this.errors.ofGoogle(error, grant);
    }
  }

  /** For a token that is good still: failures are reported as always, and no caller waits for them. */
  #renewBehind(tokenRequest: TokenRequest, grant: Grant, scopes: readonly string[]): void {
    const { service, requestId } = tokenRequest;
    this.refreshAccessToken.refresh(grant, scopes, { service, requestId, isBackground: true }).then(
      ({ kind }) => {
        // Another replica was first. What it got is read with the next call.
        if (kind === 'changed') this.remembered.forget(tokenRequest.userId, tokenRequest.client.alias);
      },
      () => undefined,
    );
  }
}
