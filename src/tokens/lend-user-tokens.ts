import { Injectable } from '@nestjs/common';
import type { Grant } from '../domain/grant.js';
import { UserTokens, type UserTokenWish } from '../domain/ports/user-tokens.js';
import { missingScopes } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { DemandAuthority } from './demand-authority.js';
import { FindGrant } from './find-grant.js';
import { GetAccessToken } from './get-access-token.js';
import { Refusals } from './refusals.js';
import { RememberedGrants } from './remembered-grants.js';

/** Enough for a synchronisation that takes its longest. */
const MIN_TTL_SECONDS = 120;

/** Grants and tokens for the calls that other rooms of the broker make. */
@Injectable()
export class LendUserTokens extends UserTokens {
  constructor(
    private readonly remembered: RememberedGrants,
    private readonly findGrant: FindGrant,
    private readonly getAccessToken: GetAccessToken,
    private readonly refusals: Refusals,
    private readonly authority: DemandAuthority,
  ) {
    super();
  }

  override async grantOf(wish: UserTokenWish): Promise<Grant> {
    // Not as it was when the call came: what is lent is used for as long as a synchronisation takes.
    await this.authority.demand(wish, wish.scopes);
    const tokenWish = { ...wish, minTtlSeconds: MIN_TTL_SECONDS };
    const user = await this.remembered.of(wish.userId, wish.client.alias);
    const { grant } = await this.findGrant.find(user, tokenWish);
    const missing = missingScopes(wish.scopes, grant.grantedScopes);
    if (missing.length > 0) throw await this.refusals.insufficientScope(tokenWish, grant, missing);
    return grant;
  }

  override async tokenOf(wish: UserTokenWish, renew?: 'renew'): Promise<Secret> {
    await this.authority.demand(wish, wish.scopes);
    const tokenWish = { ...wish, minTtlSeconds: MIN_TTL_SECONDS };
    return (await this.getAccessToken.get(tokenWish, renew)).token.token;
  }
}
