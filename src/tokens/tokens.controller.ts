import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessTokenService } from '../access-tokens/access-token.service.js';
import { RepeatableRefusal, type TokenRequest } from '../access-tokens/token-errors.js';
import { AdsAccessService, type FoundAccess } from '../ads/ads-access.service.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import { customerIdOf } from '../domain/ads/account-tree.js';
import { invalidRequest } from '../domain/errors.js';
import { ADWORDS, parseScopes, scopeSet } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { disconnectSignal } from '../http/request-context.js';
import { UserPath } from '../http/validation/validators.js';
import { ResponseCache } from './response-cache.js';
import { TokenQuery } from './token.query.js';
import { toAdsResponse, TOKEN_RESPONSE_SCHEMA, TokenResponse, toTokenResponse } from './token.response.js';

@Controller('tokens')
@ApiTags('tokens')
@ApiBearerAuth()
export class TokensController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly accessTokens: AccessTokenService,
    private readonly adsAccess: AdsAccessService,
    private readonly responseCache: ResponseCache,
  ) {}

  @Get(':userId')
  @Audited('token.issue')
  @Header('cache-control', 'no-store')
  @RouteSchema({ response: { 200: TOKEN_RESPONSE_SCHEMA } })
  @ApiOperation({ summary: 'A fresh access token of a user' })
  @ApiOkResponse({ type: TokenResponse })
  @ApiProblems(
    'invalid_request',
    'unauthenticated',
    'not_allowed',
    'insufficient_scope',
    'not_connected',
    'no_ads_access',
    'ambiguous_account',
    'reconnect_required',
    'rate_limited',
    'client_misconfigured',
    'google_unavailable',
  )
  async get(
    @Caller() service: Service,
    @Param() { userId }: UserPath,
    @Query() query: TokenQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<TokenResponse> {
    const requested = query.scope === undefined ? [] : parseScopes(query.scope);
    const scopes = query.customer_id === undefined ? requested : scopeSet([...requested, ADWORDS]);
    audit.add({ userId, details: scopes.length > 0 ? { asked: scopes } : {} });
    const client = this.settings.clients.pickFor(service, query.client);
    audit.add({ client: client.alias });
    const tokenRequest: TokenRequest = {
      service,
      userId,
      client,
      account: query.account ?? null,
      scopes,
      minTtlSeconds: query.min_ttl,
      requestId: request.id,
      hangUp: () => disconnectSignal(reply),
    };
    // Google Ads can take most of a minute: the token is issued after it.
    const access = await this.#findAdsAccess(tokenRequest, query);
    const ads = access && toAdsResponse(access);
    if (ads) audit.add({ details: { customer_id: query.customer_id ?? '', ...ads.headers } });
    const account = access?.grant.account.sub ?? tokenRequest.account;
    const { grant, token, cached } = await this.accessTokens
      .get({ ...tokenRequest, account })
      .catch((error: unknown) => {
        // What a user reaches in Google Ads changes without the grant.
        if (error instanceof RepeatableRefusal && !ads)
          this.responseCache.storeRefusal(request, error, audit.facts);
        throw error;
      });
    audit.add({ grantId: grant.id, details: { scopes: token.scopes } });
    const response = toTokenResponse(grant, token, this.clock.now());
    if (cached && !ads) {
      const { minTtlSeconds } = tokenRequest;
      this.responseCache.store(request, { ...cached, response, minTtlSeconds }, audit.facts);
    }
    return Object.assign(response, ads);
  }

  /** @returns null where the caller names no Google Ads account */
  async #findAdsAccess(
    tokenRequest: TokenRequest,
    { customer_id, min_role, denied_synced_at }: TokenQuery,
  ): Promise<(FoundAccess & { readonly grant: Grant }) | null> {
    if (customer_id === undefined) {
      const misplaced = Object.entries({ min_role, denied_synced_at }).find(
        ([, value]) => value !== undefined,
      );
      if (misplaced) throw invalidRequest({ [misplaced[0]]: 'is only allowed with customer_id.' });
      return null;
    }
    const request = { ...tokenRequest, scopes: [ADWORDS] };
    const grant = await this.accessTokens.grantFor(request);
    const access = await this.adsAccess.find({
      request,
      grant,
      customerId: customerIdOf(customer_id) ?? '',
      minRole: (min_role ?? null) as AccessRole | null,
      deniedSyncedAt: denied_synced_at === undefined ? null : new Date(denied_synced_at),
    });
    return { ...access, grant };
  }
}
