import { Controller, Get, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RepeatableRefusal } from '../access-tokens/token-errors.js';
import { Settings } from '../config/settings.js';
import { allowedScopes, type Service } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import { missingScopes } from '../domain/google/scopes.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller, Public } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { OAuthRefusal } from '../http/problem/oauth-error.js';
import {
  REFRESH_TOKEN,
  TOKEN_ENDPOINT,
  TOKEN_ENDPOINT_ROUTE,
  TOKEN_EXCHANGE,
} from '../http/token-endpoint.js';
import { callOf, ResponseCache } from './response-cache.js';
import { readTokenEndpointRequest } from './token-endpoint.dto.js';
import {
  ApiTokenEndpoint,
  AuthorizationServerMetadata,
  serializeEndpointRest,
  TokenEndpointResponse,
  toTokenEndpointResponse,
} from './token-endpoint.response.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenQuery } from './token.dto.js';
import { toTokenResponse } from './token.response.js';

/** Google's library for .NET calls a token with less than 6 minutes left due, that for Node.js one with less than 5. */
const MIN_TTL_SECONDS = 390;

/**
 * The broker as an authorization server for client libraries: the token endpoint (RFC 8693, RFC 6749 section 6) and its metadata
 * (RFC 8414). Policy, audit, limits and cache are those of GET /tokens/:userId.
 */
@Controller()
@ApiTags('tokens')
export class TokenEndpointController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly issuer: TokenIssuer,
    private readonly responseCache: ResponseCache,
  ) {}

  @Post(TOKEN_ENDPOINT)
  @HttpCode(200)
  @Audited('token.issue')
  @Header('cache-control', 'no-store')
  @Header('pragma', 'no-cache')
  @RouteConfig(TOKEN_ENDPOINT_ROUTE)
  @ApiOperation({
    operationId: 'exchangeToken',
    summary: "A user's access token for a client library: token exchange, or a delegated credential",
  })
  @ApiOkResponse({ type: TokenEndpointResponse })
  @ApiTokenEndpoint()
  async issue(
    @Caller() service: Service,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<TokenEndpointResponse> {
    if (request.delegation) audit.add({ details: { credential: request.delegation.id } });
    const { userId, scopes, ...named } = readTokenEndpointRequest(request, this.settings.publicUrl);
    audit.add({ userId, details: scopes.length > 0 ? { asked: scopes } : {} });
    assertCellUser(this.settings.cell, request, userId);
    assertScopes(service, scopes);
    const scope = scopes.length > 0 ? { scope: scopes.join(' ') } : {};
    const query = Object.assign(new TokenQuery(), named, scope, { min_ttl: MIN_TTL_SECONDS });
    const { grant, token, cached } = await this.issuer
      .issue({ service, userId, query, request, reply, audit })
      .catch((error: unknown) => {
        if (error instanceof RepeatableRefusal)
          this.responseCache.storeRefusal(callOf(request, service), error, audit.facts);
        throw error;
      });
    const response = toTokenEndpointResponse(toTokenResponse(grant, token, this.clock.now()));
    if (cached) {
      const issued = { ...cached, rest: serializeEndpointRest(response), minTtlSeconds: MIN_TTL_SECONDS };
      this.responseCache.store(callOf(request, service), issued, audit.facts);
    } else await assertStillHolds(request);
    return response;
  }

  @Get('.well-known/oauth-authorization-server')
  @Public()
  @ApiOperation({
    operationId: 'getServerMetadata',
    summary: 'Where the token endpoint is, and what it supports (RFC 8414)',
  })
  @ApiOkResponse({ type: AuthorizationServerMetadata })
  metadata(): AuthorizationServerMetadata {
    const { publicUrl, tokenBrokerUrl, adminPort } = this.settings;
    return {
      issuer: publicUrl,
      // A proxy lets browsers reach PUBLIC_URL for pages alone.
      token_endpoint: `${tokenBrokerUrl ?? publicUrl}${TOKEN_ENDPOINT}`,
      response_types_supported: [],
      grant_types_supported: [TOKEN_EXCHANGE, REFRESH_TOKEN],
      // Any client authentication is accepted, and none is needed: the subject token says who calls.
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      // With an admin port it is there, and not for services.
      ...(adminPort === null ? { service_documentation: `${tokenBrokerUrl ?? publicUrl}/docs` } : {}),
    };
  }
}

/** As assertAllowed of domain/access/policy.ts, for which OAuth has a code of its own. */
function assertScopes({ name, policy }: Service, scopes: readonly string[]): void {
  const forbidden = missingScopes(scopes, allowedScopes(policy, scopes));
  if (forbidden.length === 0) return;
  const detail = `The service ${name} may not ask for the scope ${forbidden.join(' ')}.`;
  throw new OAuthRefusal('invalid_scope', new BrokerError('not_allowed', detail));
}

/** A delegated credential can be revoked while Google answers. */
async function assertStillHolds({ callerProof }: FastifyRequest): Promise<void> {
  if (callerProof?.stillHolds && !(await callerProof.stillHolds())) {
    const detail = 'This credential was revoked during its request.';
    throw new OAuthRefusal('invalid_grant', new BrokerError('unauthenticated', detail));
  }
}
