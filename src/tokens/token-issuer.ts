import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessTokenService, type IssuedToken } from '../access-tokens/access-token.service.js';
import { RepeatableRefusal } from '../access-tokens/token-errors.js';
import type { TokenRequest } from '../access-tokens/token-request.js';
import { AdsAccessService, type FoundAccess } from '../ads/ads-access.service.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { type AccessRole, isAccessRole, isAtLeast } from '../domain/ads/access-role.js';
import { customerIdOf } from '../domain/ads/account-tree.js';
import { assertReturnTo } from '../domain/connect/connect-request.js';
import { invalidRequest } from '../domain/errors.js';
import { ADWORDS, parseScopes, scopeSet } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import type { AuditNote } from '../http/audit.decorator.js';
import { disconnectSignal } from '../http/request-context.js';
import { type AuthenticatedCall, ResponseCache } from './response-cache.js';
import type { TokenQuery } from './token.dto.js';
import { serializeRest, toAdsResponse, type TokenResponse, toTokenResponse } from './token.response.js';

/** By so much the clock of the replica that answered before may be ahead. */
const CLOCK_MARGIN_MS = 60_000;

/** Whose token a request asks for, in whatever form it says so. */
interface TokenCall {
  readonly service: Service;
  readonly userId: string;
  readonly query: TokenQuery;
  /** Also gets what the token came from. */
  readonly request: Pick<FastifyRequest, 'id' | 'tokenSource'>;
  readonly reply: Pick<FastifyReply, 'raw'>;
  readonly audit: AuditNote;
}

interface IssuedWithAds extends IssuedToken {
  /** Null where the caller names no Google Ads account. */
  readonly ads: Required<Pick<TokenResponse, 'headers' | 'ads'>> | null;
}

/**
 * What GET /tokens/:userId, GET /authz and POST /oauth2/token have in common: the client, the Google Ads account, the token, and
 * the facts of the audit event. For the first also its response and what of it is cached, since cold-path.ts answers it without
 * its controller. Owns neither parameters, nor the responses of the other two (their controllers), nor any decision about a token
 * (access-tokens/).
 */
@Injectable()
export class TokenIssuer {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly responseCache: ResponseCache,
    private readonly accessTokens: AccessTokenService,
    private readonly adsAccess: AdsAccessService,
  ) {}

  /**
   * The response to GET /tokens/:userId, for a caller that was authenticated and a validated query.
   * @throws {BrokerError} as `issue`
   */
  async answer(authenticated: AuthenticatedCall, tokenCall: TokenCall): Promise<TokenResponse> {
    const { query, audit } = tokenCall;
    const { grant, token, cached, ads } = await this.issue(tokenCall).catch((error: unknown) => {
      // What a user reaches in Google Ads changes without the grant.
      if (error instanceof RepeatableRefusal && query.customer_id === undefined)
        this.responseCache.storeRefusal(authenticated, error, audit.facts);
      throw error;
    });
    const response = toTokenResponse(grant, token, this.clock.now());
    // A response that replaces a token is for those who name that token now.
    if (cached && !ads && query.refused === undefined) {
      const rest = serializeRest(response);
      const issued = { ...cached, rest, minTtlSeconds: query.min_ttl };
      this.responseCache.store(authenticated, issued, audit.facts);
    }
    return Object.assign(response, ads);
  }

  /** @throws {BrokerError} as `AccessTokenService.get` and `AdsAccessService.find` do */
  async issue({ service, userId, query, request, reply, audit }: TokenCall): Promise<IssuedWithAds> {
    const requested = query.scope === undefined ? [] : parseScopes(query.scope);
    const scopes = query.customer_id === undefined ? requested : scopeSet([...requested, ADWORDS]);
    audit.add({ userId, details: scopes.length > 0 ? { asked: scopes } : {} });
    const client = this.settings.clients.pickFor(service, query.client);
    audit.add({ client: client.alias });
    const refused = query.refused?.toLowerCase();
    if (refused !== undefined) audit.add({ details: { refused } });
    if (query.return_to !== undefined) assertReturnTo(query.return_to, this.settings.returnToOrigins);
    const tokenRequest: TokenRequest = {
      service,
      userId,
      client,
      account: query.account ?? null,
      scopes,
      minTtlSeconds: query.min_ttl,
      requestId: request.id,
      callerSignal: () => disconnectSignal(reply),
      refused,
      returnTo: query.return_to,
    };
    // Google Ads can take most of a minute: the token is issued after it.
    const access = await this.#findAdsAccess(tokenRequest, query);
    const ads = access && toAdsResponse(access);
    if (ads) audit.add({ details: { customer_id: query.customer_id ?? '', ...ads.headers } });
    const account = access?.grant.account.sub ?? tokenRequest.account;
    const issued = await this.accessTokens.get({ ...tokenRequest, account });
    request.tokenSource = issued.source;
    const { id: grantId, userId: owner } = issued.grant;
    // The cache holds these strings; `userId` may be a part of a longer one, the URL.
    audit.add({ grantId, userId: owner, details: { scopes: issued.token.scopes } });
    return { ...issued, ads };
  }

  /** @returns null where the caller names no Google Ads account */
  async #findAdsAccess(
    tokenRequest: TokenRequest,
    { customer_id, min_role, max_role, denied_synced_at }: TokenQuery,
  ): Promise<(FoundAccess & { readonly grant: Grant }) | null> {
    if (customer_id === undefined) {
      const misplaced = Object.entries({ min_role, max_role, denied_synced_at }).find(
        ([, value]) => value !== undefined,
      );
      if (misplaced) throw invalidRequest({ [misplaced[0]]: 'is only allowed with customer_id.' });
      return null;
    }
    const [minRole, maxRole] = [roleOf(min_role), roleOf(max_role)];
    if (minRole !== null && maxRole !== null && !isAtLeast(maxRole, minRole))
      throw invalidRequest({ max_role: 'must not be less than min_role.' });
    const deniedSyncedAt = denied_synced_at === undefined ? null : new Date(denied_synced_at);
    // Every tree would be older than it.
    if (deniedSyncedAt && deniedSyncedAt.getTime() > this.clock.now().getTime() + CLOCK_MARGIN_MS)
      throw invalidRequest({ denied_synced_at: 'is in the future: send ads.synced_at of a response.' });
    const request = { ...tokenRequest, scopes: [ADWORDS] };
    const grant = await this.accessTokens.grantFor(request);
    const access = await this.adsAccess.find({
      request,
      grant,
      customerId: customerIdOf(customer_id) ?? '',
      minRole,
      maxRole,
      deniedSyncedAt,
    });
    return { ...access, grant };
  }
}

/** A value that the query was validated for. */
function roleOf(value: string | undefined): AccessRole | null {
  return isAccessRole(value) ? value : null;
}
