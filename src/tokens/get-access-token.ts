import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { isFresh } from '../domain/freshness.js';
import { GoogleFailure, isPassing } from '../domain/google-failure.js';
import type { AccessToken, Grant } from '../domain/grant.js';
import { allowedScopes, demandAllowed } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { DatabaseHealth } from '../domain/ports/database-health.js';
import { missingScopes, sameScopes, scopeKey } from '../domain/scopes.js';
import { DemandAuthority } from './demand-authority.js';
import { FindGrant } from './find-grant.js';
import { RefreshAccessToken } from './refresh-access-token.js';
import { Refusals, type TokenWish } from './refusals.js';
import { RememberedGrants, type RememberedToken, type UserGrants } from './remembered-grants.js';
import { UnsavedRefreshes } from './unsaved-refreshes.js';

/** A consent or a disconnect makes us look again; more often than this is no coincidence. */
const MOST_CHANGES = 3;
/** So does another's refresh: of a grant that is wanted in many sets of scopes, all are refreshed one after the other. */
const MOST_ATTEMPTS = 100;

export interface IssuedToken {
  readonly grant: Grant;
  readonly token: AccessToken;
  /** What it was decided by, where that may be decided again: the token was known already. */
  readonly known: { readonly user: UserGrants; readonly token: RememberedToken } | null;
}

@Injectable()
export class GetAccessToken {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly remembered: RememberedGrants,
    private readonly findGrant: FindGrant,
    private readonly refreshAccessToken: RefreshAccessToken,
    private readonly refusals: Refusals,
    private readonly unsaved: UnsavedRefreshes,
    private readonly authority: DemandAuthority,
    private readonly database: DatabaseHealth,
  ) {}

  /**
   * @param renew when an API refused the token that we hold, though it is not over
   * @throws {BrokerError} any code of the table in http/problem-table.ts
   */
  async get(wish: TokenWish, renew?: 'renew'): Promise<IssuedToken> {
    const { userId, client } = wish;
    demandAllowed(wish.service, userId, client.alias, wish.scopes);
    const versions = new Set<string>();
    for (let attempt = 1; attempt <= MOST_ATTEMPTS && versions.size <= MOST_CHANGES; attempt++) {
      const user = await this.remembered.of(userId, client.alias);
      const { grant, tokens } = await this.findGrant.find(user, wish);
      versions.add(`${grant.id} ${grant.version}`);
      const scopes = await this.#scopesFor(wish, grant);
      const stored = tokens.get(scopeKey(scopes)) ?? null;
      const isRefused = renew !== undefined && attempt === 1;
      if (stored && !isRefused && isFresh(stored, this.clock.now(), wish.minTtlSeconds)) {
        if (stored.renewFrom <= this.clock.now()) this.#renewBehind(wish, grant, scopes);
        return { grant, token: stored, known: { user, token: stored } };
      }
      const unsaved = isRefused ? null : this.unsaved.token(grant, scopes);
      if (unsaved && isFresh(unsaved, this.clock.now(), wish.minTtlSeconds))
        return { grant, token: unsaved, known: null };
      const token = await this.#renew(wish, grant, scopes);
      if (token) {
        await this.#demandAuthority(wish, scopes);
        return { grant, token, known: null };
      }
      this.remembered.forget(userId, client.alias);
    }
    throw new BrokerError('google_unavailable', 'The grant keeps changing. Try again soon.', {
      retry_after: 1,
    });
  }

  /** Where the database went away meanwhile, what was allowed when the call began holds: nothing newer can be known. */
  async #demandAuthority(wish: TokenWish, scopes: readonly string[]): Promise<void> {
    try {
      await this.authority.demand(wish, scopes);
    } catch (error) {
      if (error instanceof BrokerError || !this.database.isOutage(error)) throw error;
    }
  }

  /** What the token shall cover: all that was granted, cut down to what this service may have. */
  async #scopesFor(wish: TokenWish, grant: Grant): Promise<string[]> {
    const missing = missingScopes(wish.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.refusals.insufficientScope(wish, grant, missing);
    const scopes = allowedScopes(wish.service.policy, grant.grantedScopes);
    if (scopes.length === 0)
      throw await this.refusals.insufficientScope(wish, grant, wish.service.policy.scopes);
    // A service account asks for what it wants: nothing is narrowed.
    const isNarrowed = grant.kind === 'user' && !sameScopes(scopes, grant.grantedScopes);
    if (!this.settings.narrowScopes && isNarrowed) {
      throw new BrokerError(
        'not_allowed',
        `The grant holds more scopes than the service ${wish.service.name} may have, and NARROW_SCOPES is off.`,
      );
    }
    return scopes;
  }

  /** @returns null when the grant changed meanwhile and must be read again */
  async #renew(wish: TokenWish, grant: Grant, scopes: readonly string[]): Promise<AccessToken | null> {
    try {
      const refreshed = await this.refreshAccessToken.refresh(grant, scopes, wish);
      switch (refreshed.kind) {
        case 'token':
          return refreshed.token;
        case 'changed':
          return null;
        case 'dead':
          throw await this.refusals.reconnectRequired(wish, grant, refreshed.diagnosis);
        case 'not_narrowed':
          throw new BrokerError(
            'not_allowed',
            `Google did not narrow the token to what ${wish.service.name} may have.`,
          );
      }
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      // Google can take its time: what the grant is by now counts, not what it was when it was read.
      const user = await this.remembered.of(wish.userId, wish.client.alias);
      const now = await this.findGrant.find(user, wish);
      if (now.grant.id !== grant.id || now.grant.version !== grant.version) return null;
      const stored = now.tokens.get(scopeKey(scopes));
      // A token that lives shorter than asked still beats none.
      if (isPassing(error) && stored && isFresh(stored, this.clock.now(), 1)) return stored;
      throw this.refusals.ofGoogle(error, grant);
    }
  }

  /** For a token that is good still: failures are reported as always, and no caller waits for them. */
  #renewBehind(wish: TokenWish, grant: Grant, scopes: readonly string[]): void {
    const { service, requestId } = wish;
    this.refreshAccessToken.refresh(grant, scopes, { service, requestId, isBackground: true }).then(
      ({ kind }) => {
        // Another replica was first. What it got is read with the next call.
        if (kind === 'changed') this.remembered.forget(wish.userId, wish.client.alias);
      },
      () => undefined,
    );
  }
}
