import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Service } from '../domain/access/policy.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { handedOver } from '../http/request-context.js';
import { UserPath } from '../http/validation/user.dto.js';
import { AcceptedCalls } from './accepted-calls.js';
import { callOf } from './response-cache.js';
import { TokenQuery } from './token.dto.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenResponse } from './token.response.js';

/** Of queries that the pipeline answers each time: about Google Ads, or of one token. */
const ONCE = ['customer_id', 'min_role', 'max_role', 'denied_synced_at', 'refused'] as const;

@Controller('tokens')
@ApiTags('tokens')
@ApiBearerAuth()
export class TokensController {
  constructor(
    private readonly issuer: TokenIssuer,
    private readonly accepted: AcceptedCalls,
  ) {}

  @Get(':userId')
  @Audited('token.issue')
  @Header('cache-control', 'no-store')
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
    const begun = handedOver(request.raw);
    if (begun) {
      audit.add(begun.facts ?? {});
      throw begun.error;
    }
    const call = callOf(request, service);
    if (!ONCE.some((name) => query[name] !== undefined)) this.accepted.add(call, query);
    return this.issuer.answer(call, { service, userId, query, request, reply, audit });
  }
}
