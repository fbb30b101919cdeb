import { Injectable } from '@nestjs/common';
import type { TokenRequest } from '../access-tokens/token-errors.js';
import { UserTokens } from '../access-tokens/user-tokens.js';
import { toAccessPathResponse } from '../ads/access-path.response.js';
import { AdsAccess } from '../ads/find-ads-access.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import { customerIdOf } from '../domain/ads/account-tree.js';
import { invalidRequest } from '../domain/errors.js';
import { ADWORDS } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import type { TokenQuery } from './token.query.js';
import type { AdsResponse } from './token.response.js';

type AdsQuery = Pick<TokenQuery, 'customer_id' | 'min_role' | 'denied_synced_at'>;

/** What to send beside the token so that Google Ads lets the call through. */
@Injectable()
export class AdsHeaders {
  constructor(
    private readonly access: AdsAccess,
    private readonly tokens: UserTokens,
  ) {}

  /**
   * @returns null where the caller names no Google Ads account
   * @throws {BrokerError} `invalid_request`, `no_ads_access`, and what a synchronisation can throw
   */
  async find(
    tokenRequest: TokenRequest,
    query: AdsQuery,
  ): Promise<(AdsResponse & { readonly grant: Grant }) | null> {
    const { customer_id, min_role = null, denied_synced_at } = query;
    if (customer_id === undefined) {
      const alone = { min_role, denied_synced_at: denied_synced_at ?? null };
      const misplaced = Object.entries(alone).find(([, value]) => value !== null)?.[0];
      if (misplaced) throw invalidRequest({ [misplaced]: 'says something only beside customer_id.' });
      return null;
    }
    const token = { ...tokenRequest, scopes: [ADWORDS] };
    const grant = await this.tokens.grantOf(token);
    const { path, alternatives, syncedAt } = await this.access.find({
      token,
      grant,
      customerId: customerIdOf(customer_id) ?? '',
      minRole: min_role as AccessRole | null,
      deniedTreeOf: denied_synced_at === undefined ? null : new Date(denied_synced_at),
    });
    return {
      grant,
      headers: path.headerNeeded ? { 'login-customer-id': path.loginCustomerId } : {},
      ads: Object.assign(toAccessPathResponse(path), {
        alternatives: alternatives.map(toAccessPathResponse),
        synced_at: syncedAt.toISOString(),
      }),
    };
  }
}
