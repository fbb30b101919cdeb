import { Controller, Get, Req, Res, UseInterceptors } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clearBrowserBinding, readBrowserBinding } from '../authorization/browser-binding-cookie.js';
import { redirectToGoogle, respondToBrowser } from '../authorization/browser-response.js';
import { ConnectAuditInterceptor } from '../authorization/connect-audit.interceptor.js';
import { ConnectTickets } from '../connect-tickets/connect-ticket.js';
import { StartAuthorization } from '../authorization/start-authorization.js';
import { Settings } from '../config/settings.js';
import { endOf } from '../domain/connect/connect-end.js';
import { BrokerError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';
import { aboutConnect, Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Public } from '../http/caller.decorator.js';
import { BROWSER_ROUTE } from '../http/rate-limit/route-limits.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { type AuthorizationResponse, CompleteAuthorization } from './complete-authorization.js';
import { consentFacts } from './consent-outcome.js';

@Controller('callback')
export class CallbackController {
  constructor(
    private readonly settings: Settings,
    private readonly startAuthorization: StartAuthorization,
    private readonly tickets: ConnectTickets,
    private readonly metrics: ConnectMetrics,
    private readonly completeAuthorization: CompleteAuthorization,
  ) {}

  @Get()
  @Public()
  @Audited('connect.consent')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig(BROWSER_ROUTE)
  @ApiExcludeEndpoint()
  async callback(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const secure = this.settings.publicUrl.startsWith('https:');
    const state = parameter(request, 'state', 256);
    if (state === null)
      throw malformed(
        'state',
        'is missing: this page is only for browsers that Google sends back.',
        'state_missing',
      );
    const authorizationId = this.startAuthorization.idOf(new Secret(state));
    const code = parameter(request, 'code', 1024);
    const response: AuthorizationResponse = {
      state: new Secret(state),
      code: code === null ? null : new Secret(code),
      error: errorCode(parameter(request, 'error', 256)),
      errorSubtype: errorCode(optional(request, 'error_subtype')),
      iss: parameter(request, 'iss', 256),
      browserKey: readBrowserBinding(request, authorizationId, secure),
    };
    const completion = await this.completeAuthorization.complete(response, request.id, (connectRequest) => {
      audit.add(aboutConnect(connectRequest));
    });
    clearBrowserBinding(reply, authorizationId, secure);
    if ('redirect' in completion) {
      audit.omitSuccess();
      await redirectToGoogle(reply, completion.redirect, this.settings);
      return;
    }
    const { connectRequest, outcome } = completion;
    audit.add(consentFacts(outcome));
    this.metrics.ended(endOf(outcome, connectRequest, request.id));
    await respondToBrowser(reply, connectRequest, outcome, () => this.tickets.renew(connectRequest));
  }
}

/** Google may add parameters, so unknown ones are ignored; a known one must appear once and have a limited length. */
function parameter(request: FastifyRequest, name: string, maxLength: number): string | null {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string' || value.length > maxLength || !isPlainText(value))
    throw malformed(name, 'is not as Google sends it.', 'malformed_response');
  return value;
}

/** Only diagnostic: a malformed one is ignored. */
function optional(request: FastifyRequest, name: string): string | null {
  const value = (request.query as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function malformed(name: string, what: string, reason: string): BrokerError {
  return new BrokerError('invalid_request', `${name}: ${what}`, { errors: { [name]: what }, reason });
}

/** Anyone can put text into a link: only what has the form of an error code (RFC 6749 section 4.1.2.1) is shown. */
function errorCode(error: string | null): string | null {
  if (error === null) return null;
  return /^[a-z_]{1,64}$/.test(error) ? error : 'unknown_error';
}
