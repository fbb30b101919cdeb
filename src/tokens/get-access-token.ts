import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { isFresh } from '../domain/freshness.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { AccessToken, Grant } from '../domain/grant.js';
import { allowedScopes, demandAllowed } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { missingScopes, sameScopes } from '../domain/scopes.js';
import { FindGrant } from './find-grant.js';
import { RefreshAccessToken } from './refresh-access-token.js';
import { Refusals, type TokenWish } from './refusals.js';

/** A consent or disconnect during a refresh makes us look again; more often than this is no coincidence. */
const MOST_ATTEMPTS = 3;

export interface IssuedToken {
  readonly grant: Grant;
  readonly token: AccessToken;
}

@Injectable()
export class GetAccessToken {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly findGrant: FindGrant,
    private readonly refreshAccessToken: RefreshAccessToken,
    private readonly refusals: Refusals,
  ) {}

  /** @throws {BrokerError} any code of the table in http/problem-table.ts */
  async get(wish: TokenWish): Promise<IssuedToken> {
    demandAllowed(wish.service, wish.userId, wish.client.alias, wish.scopes);
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const grant = await this.findGrant.find(wish);
      const scopes = await this.#scopesFor(wish, grant);
      const stored = await this.grants.accessToken(grant, scopes);
      if (stored && isFresh(stored.expiresAt, this.clock.now(), wish.minTtlSeconds))
        return { grant, token: stored };
      const token = await this.#renew(wish, grant, scopes, stored);
      if (token) return { grant, token };
    }
    throw new BrokerError('google_unavailable', 'The grant keeps changing. Try again soon.', {
      retry_after: 1,
    });
  }

  /** What the token shall cover: all that was granted, cut down to what this service may have. */
  async #scopesFor(wish: TokenWish, grant: Grant): Promise<string[]> {
    const missing = missingScopes(wish.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.refusals.insufficientScope(wish, grant, missing);
    const scopes = allowedScopes(wish.service.policy, grant.grantedScopes);
    if (scopes.length === 0)
      throw await this.refusals.insufficientScope(wish, grant, wish.service.policy.scopes);
    if (!this.settings.narrowScopes && !sameScopes(scopes, grant.grantedScopes)) {
      throw new BrokerError(
        'not_allowed',
        `The grant holds more scopes than the service ${wish.service.name} may have, and NARROW_SCOPES is off.`,
      );
    }
    return scopes;
  }

  /** @returns null when the grant changed meanwhile and must be read again */
  async #renew(
    wish: TokenWish,
    grant: Grant,
    scopes: readonly string[],
    stored: AccessToken | null,
  ): Promise<AccessToken | null> {
    try {
      const refreshed = await this.refreshAccessToken.refresh(grant, scopes, stored, wish);
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
      // A token that lives shorter than asked still beats none.
      if (error.kind === 'unavailable' && stored && isFresh(stored.expiresAt, this.clock.now(), 1))
        return stored;
      throw this.refusals.ofGoogle(error, wish.client);
    }
  }
}
