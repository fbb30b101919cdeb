import { Controller, Get, Header, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { ApiProblems } from '../http/problem-docs.decorator.js';
import { FORWARD_AUTH_ROUTE } from '../http/server/forward-auth.js';
import { ApiAuthzHeaders, PARAMETER_HEADERS, readAuthzRequest } from './authz.dto.js';
import { TokenIssuer } from './token-issuer.js';
import { toTokenResponse } from './token.response.js';

const LOGIN_CUSTOMER_ID = 'login-customer-id';

/**
 * For a proxy that adds the access token of a user to a request that it holds: nginx with auth_request, Traefik with
 * forwardAuth, Envoy with ext_authz. Owns the headers of the response, which the proxy copies to that request. Does not own
 * the token (token-issuer.ts), the reading of the request (authz.dto.ts) nor the form of refusals
 * (http/server/forward-auth.ts).
 */
@Controller('authz')
@ApiTags('tokens')
@ApiBearerAuth()
export class AuthzController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly issuer: TokenIssuer,
  ) {}

  @Get()
  @Audited('token.issue')
  @RouteConfig(FORWARD_AUTH_ROUTE)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'authorizeProxiedRequest',
    summary: 'A fresh access token of a user as a header, for a proxy that adds it to a request to Google',
    description:
      'For auth_request of nginx, forwardAuth of Traefik and ext_authz of Envoy: see docs/forward-auth.md. The proxied request ' +
      'must go to googleapis.com or a host below it: the proxy says so with X-Forwarded-Host or X-Original-URL, or, with ' +
      '/authz/ before its path, with Host. 403 stands for every refusal that someone must remedy; `code` says which.',
  })
  @ApiAuthzHeaders()
  @ApiOkResponse({
    description: 'No body. The headers are for the proxied request',
    headers: {
      Authorization: {
        description: 'Replaces the credential of the service',
        schema: { type: 'string', example: 'Bearer ya29.a0...' },
      },
      'x-token-broker-token-id': {
        description: 'For the header X-Token-Broker-Refused, where Google refuses the token',
        schema: { type: 'string', example: '3f9c2a71b04de815' },
      },
      'login-customer-id': {
        description: 'With a customer_id, where calls to the Google Ads account need it',
        schema: { type: 'string' },
      },
    },
  })
  @ApiProblems('unauthenticated', 'not_allowed', 'rate_limited', 'client_misconfigured', 'google_unavailable')
  async get(
    @Caller() service: Service,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const { parameters, host } = await readAuthzRequest(request, this.settings.cell !== null);
    audit.add({ details: { host } });
    const asked = { service, userId: parameters.user, query: parameters, request, reply, audit };
    const { grant, token, ads } = await this.issuer.issue(asked);
    const { token_type, access_token, token_id } = toTokenResponse(grant, token, this.clock.now());
    const isDirect = ads !== null && !(LOGIN_CUSTOMER_ID in ads.headers);
    // Envoy removes these from the request that it holds; the others do as they are configured.
    const removed = isDirect ? [...PARAMETER_HEADERS, LOGIN_CUSTOMER_ID] : PARAMETER_HEADERS;
    void reply.headers({
      ...ads?.headers,
      authorization: `${token_type} ${access_token}`,
      'x-token-broker-token-id': token_id,
      'x-envoy-auth-headers-to-remove': removed.join(','),
    });
  }
}
