import { Controller, Get, Header, Param, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RepeatableRefusal } from '../access-tokens/token-errors.js';
import type { Service } from '../domain/access/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/openapi.js';
import { handedOver } from '../http/request-context.js';
import { UserPath } from '../http/validation/validators.js';
import { AcceptedCalls } from './accepted-calls.js';
import { type AuthenticatedCall, callOf, ResponseCache } from './response-cache.js';
import { TokenQuery } from './token.query.js';
import { TokenIssuer } from './token-issuer.js';
import { serializeRest, TokenResponse, toTokenResponse } from './token.response.js';

/** What `answer` needs of a request. */
interface AcceptedRequest {
  readonly call: AuthenticatedCall;
  readonly userId: string;
  readonly query: TokenQuery;
  readonly request: Pick<FastifyRequest, 'id' | 'tokenSource'>;
  readonly reply: Pick<FastifyReply, 'raw'>;
}

/** Of queries that the pipeline answers each time: about Google Ads, or of one token. */
const ONCE = ['customer_id', 'min_role', 'max_role', 'denied_synced_at', 'refused'] as const;

@Controller('tokens')
@ApiTags('tokens')
@ApiBearerAuth()
export class TokensController {
  constructor(
    private readonly clock: Clock,
    private readonly issuer: TokenIssuer,
    private readonly responseCache: ResponseCache,
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
    return this.answer({ call, userId, query, request, reply }, audit);
  }

  /** For a caller that was authenticated and a validated query: cold-path.ts calls it as well. */
  async answer(
    { call, userId, query, request, reply }: AcceptedRequest,
    audit: AuditNote,
  ): Promise<TokenResponse> {
    const { service } = call.caller;
    const { grant, token, cached, ads } = await this.issuer
      .issue({ service, userId, query, request, reply, audit })
      .catch((error: unknown) => {
        // What a user reaches in Google Ads changes without the grant.
        if (error instanceof RepeatableRefusal && query.customer_id === undefined)
          this.responseCache.storeRefusal(call, error, audit.facts);
        throw error;
      });
    const response = toTokenResponse(grant, token, this.clock.now());
    // A response that replaces a token is for those who name that token now.
    if (cached && !ads && query.refused === undefined) {
      const rest = serializeRest(response);
      this.responseCache.store(call, { ...cached, rest, minTtlSeconds: query.min_ttl }, audit.facts);
    }
    return Object.assign(response, ads);
  }
}
