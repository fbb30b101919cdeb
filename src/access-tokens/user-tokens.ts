import { Injectable } from '@nestjs/common';
import type { Service } from '../domain/access/policy.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { missingScopes } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import type { Secret } from '../domain/secret.js';
import { AccessTokenService } from './access-token.service.js';
import { FindGrant } from './find-grant.js';
import { GrantCache } from './grant-cache.js';
import { ServiceAuthority } from './service-authority.js';
import { TokenErrors } from './token-errors.js';

/** For whom, and what for, a room of the broker itself needs a user's token. */
export interface UserTokenRequest {
  readonly service: Service;
  readonly userId: string;
  readonly client: GoogleClient;
  /** `sub` or email; null where the caller leaves it to us. */
  readonly account: string | null;
  readonly scopes: readonly string[];
  readonly requestId: string;
  /** Aborted when the caller has gone: nothing is asked for it any more. */
  readonly hangUp?: (() => AbortSignal) | undefined;
}

/** Enough for a synchronisation that takes its longest. */
const MIN_TTL_SECONDS = 120;

/**
 * Users' grants and access tokens for calls that the broker makes itself, under the same rules as for services.
 * Both throw the `BrokerError`s of GET /tokens/:userId.
 *
 * Grants and tokens for the calls that other rooms of the broker make.
 */
@Injectable()
export class UserTokens {
  constructor(
    private readonly remembered: GrantCache,
    private readonly findGrant: FindGrant,
    private readonly accessTokens: AccessTokenService,
    private readonly errors: TokenErrors,
    private readonly authority: ServiceAuthority,
  ) {}

  /** Which grant is meant, and that it holds the scopes. Asks Google nothing. */
  async grantOf(tokenRequest: UserTokenRequest): Promise<Grant> {
    // Not as it was when the call came: what is lent is used for as long as a synchronisation takes.
    await this.authority.demand(tokenRequest, tokenRequest.scopes);
    const request = { ...tokenRequest, minTtlSeconds: MIN_TTL_SECONDS };
    const user = await this.remembered.of(tokenRequest.userId, tokenRequest.client.alias);
    const { grant } = await this.findGrant.find(user, request);
    const missing = missingScopes(tokenRequest.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.errors.insufficientScope(request, grant, missing);
    return grant;
  }

  /** @param renew asks Google for a new one, because the one that we hold was refused */
  async tokenOf(tokenRequest: UserTokenRequest, renew?: 'renew'): Promise<Secret> {
    await this.authority.demand(tokenRequest, tokenRequest.scopes);
    const request = { ...tokenRequest, minTtlSeconds: MIN_TTL_SECONDS };
    return (await this.accessTokens.get(request, renew)).token.token;
  }
}
