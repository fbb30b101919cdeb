import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessTokenService } from '../access-tokens/access-token.service.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { ADWORDS, parseScopes, scopeSet } from '../domain/google/scopes.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { hangUpOf } from '../http/server/hang-up.js';
import { UserPath } from '../http/validation/user-id.param.js';
import { AdsHeaders } from './ads-headers.js';
import { ResponseCache } from './response-cache.js';
import { TokenQuery } from './token.query.js';
import { answerOf, cachedResponse, TOKEN_ANSWER_SCHEMA, TokenResponse } from './token.response.js';

@Controller('tokens')
@ApiTags('tokens')
@ApiBearerAuth()
export class TokensController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly accessTokens: AccessTokenService,
    private readonly adsHeaders: AdsHeaders,
    private readonly responseCache: ResponseCache,
  ) {}

  @Get(':userId')
  @Audited('token.issue')
  @Header('cache-control', 'no-store')
  @RouteSchema({ response: { 200: TOKEN_ANSWER_SCHEMA } })
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
    const wanted = query.scope === undefined ? [] : parseScopes(query.scope);
    const asked = query.customer_id === undefined ? wanted : scopeSet([...wanted, ADWORDS]);
    audit.add({ userId, details: asked.length > 0 ? { asked } : {} });
    const client = this.settings.clients.pickFor(service, query.client);
    audit.add({ client: client.alias });
    const account = query.account ?? null;
    const minTtlSeconds = query.min_ttl;
    const call = { requestId: request.id, hangUp: () => hangUpOf(reply) };
    const tokenRequest = { service, userId, client, account, scopes: asked, minTtlSeconds, ...call };
    // First: Google Ads can take its time, and the token is to be that of the end.
    const found = await this.adsHeaders.find(tokenRequest, query);
    const { headers, ads } = found ?? {};
    if (found) audit.add({ details: { customer_id: query.customer_id ?? '', ...headers } });
    const chosen = found ? { ...tokenRequest, account: found.grant.account.sub } : tokenRequest;
    const { grant, token, known } = await this.accessTokens.get(chosen);
    audit.add({ grantId: grant.id, details: { scopes: token.scopes } });
    const lasting = cachedResponse(grant, token);
    if (known && !found) {
      const facts = audit.facts ?? {};
      this.responseCache.remember(request, { ...known, service, lasting, minTtlSeconds, facts });
    }
    return Object.assign(answerOf(lasting, token, this.clock.now()), headers && ads ? { headers, ads } : {});
  }
}
