import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RepeatableRefusal } from '../access-tokens/token-errors.js';
import type { Service } from '../domain/access/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { UserPath } from '../http/validation/validators.js';
import { ResponseCache } from './response-cache.js';
import { TokenQuery } from './token.query.js';
import { TokenIssuer } from './token-issuer.js';
import { serializeRest, TOKEN_RESPONSE_SCHEMA, TokenResponse, toTokenResponse } from './token.response.js';

@Controller('tokens')
@ApiTags('tokens')
@ApiBearerAuth()
export class TokensController {
  constructor(
    private readonly clock: Clock,
    private readonly issuer: TokenIssuer,
    private readonly responseCache: ResponseCache,
  ) {}

  @Get(':userId')
  @Audited('token.issue')
  @Header('cache-control', 'no-store')
  @RouteSchema({ response: { 200: TOKEN_RESPONSE_SCHEMA } })
  @ApiOperation({ operationId: 'getToken', summary: 'A fresh access token of a user' })
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
    const { grant, token, cached, ads } = await this.issuer
      .issue({ service, userId, query, request, reply, audit })
      .catch((error: unknown) => {
        // What a user reaches in Google Ads changes without the grant.
        if (error instanceof RepeatableRefusal && query.customer_id === undefined)
          this.responseCache.storeRefusal(request, error, audit.facts);
        throw error;
      });
    const response = toTokenResponse(grant, token, this.clock.now());
    // A response that replaces a token is for those who name that token now.
    if (cached && !ads && query.refused === undefined) {
      const rest = serializeRest(response);
      this.responseCache.store(request, { ...cached, rest, minTtlSeconds: query.min_ttl }, audit.facts);
    }
    return Object.assign(response, ads);
  }
}
