import { Injectable } from '@nestjs/common';
import { customerIdOf } from '../domain/ads/customer-id.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import { invalidRequest } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import { AdsAccess } from '../domain/ports/ads-access.js';
import { UserTokens } from '../domain/ports/user-tokens.js';
import { ADWORDS } from '../domain/scopes.js';
import { toWayAnswer } from '../http/way-answer.js';
import type { TokenWish } from './refusals.js';
import type { AdsAnswer } from './token-answer.js';
import type { TokenQuery } from './token-query.js';

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
  async find(wish: TokenWish, query: AdsQuery): Promise<(AdsAnswer & { readonly grant: Grant }) | null> {
    const { customer_id, min_role = null, denied_synced_at } = query;
    if (customer_id === undefined) {
      const alone = { min_role, denied_synced_at: denied_synced_at ?? null };
      const misplaced = Object.entries(alone).find(([, value]) => value !== null)?.[0];
      if (misplaced) throw invalidRequest({ [misplaced]: 'says something only beside customer_id.' });
      return null;
    }
    const token = { ...wish, scopes: [ADWORDS] };
    const grant = await this.tokens.grantOf(token);
    const { way, alternatives, syncedAt } = await this.access.find({
      token,
      grant,
      customerId: customerIdOf(customer_id) ?? '',
      minRole: min_role as AccessRole | null,
      deniedTreeOf: denied_synced_at === undefined ? null : new Date(denied_synced_at),
    });
    return {
      grant,
      headers: way.headerNeeded ? { 'login-customer-id': way.loginCustomerId } : {},
      ads: Object.assign(toWayAnswer(way), {
        alternatives: alternatives.map(toWayAnswer),
        synced_at: syncedAt.toISOString(),
      }),
    };
  }
}
