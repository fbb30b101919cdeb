import { Controller, Get, Req, Res, UseInterceptors } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrowserBinding } from '../authorization/browser-binding-cookie.js';
import {
  callbackRefusal,
  redirectTo,
  respondToBrowser,
  RESULT_PATH,
} from '../authorization/browser-response.js';
import { ConnectAuditInterceptor } from '../authorization/connect-audit.interceptor.js';
import { aboutConnect, consentFacts } from '../connect-tickets/connect-audit.js';
import { PageContexts } from '../authorization/page-contexts.js';
import { endOf } from '../domain/connect/connect-end.js';
import { BrokerError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Public } from '../http/caller.decorator.js';
import { disconnectSignal } from '../http/request-context.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import { acceptedLocale } from '../pages/locale.js';
import { CompleteAuthorization } from './complete-authorization.js';
import type { AuthorizationResponse } from './response-validator.js';

@Controller('callback')
export class CallbackController {
  constructor(
    private readonly binding: BrowserBinding,
    private readonly metrics: ConnectMetrics,
    private readonly completeAuthorization: CompleteAuthorization,
    private readonly pages: PageContexts,
  ) {}

  /** Every answer but one to be repeated leads the browser to another address: this one has a code and a state. */
  @Get()
  @Public()
  @Audited('connect.consent')
  @UseInterceptors(ConnectAuditInterceptor)
  @RouteConfig({ refusalsAt: RESULT_PATH })
  @ApiExcludeEndpoint()
  async callback(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    const state = parameter(request, 'state', 256);
    if (state === null) throw callbackRefusal('state_missing');
    const code = parameter(request, 'code', 1024);
    const response: AuthorizationResponse = {
      state: new Secret(state),
      code: code === null ? null : new Secret(code),
      error: errorCode(parameter(request, 'error', 256)),
      errorSubtype: errorCode(optional(request, 'error_subtype')),
      iss: parameter(request, 'iss', 256),
      locale: acceptedLocale(request.headers['accept-language']),
      browserKey: (ticketId) => this.binding.read(request, ticketId),
    };
    // A scanner that looks ahead must not use the code up.
    if (request.method === 'HEAD') {
      audit.omitSuccess();
      await reply.header('cache-control', 'no-store').send();
      return;
    }
    const completion = await this.completeAuthorization.complete(
      response,
      request.id,
      (connectRequest) => {
        audit.add(aboutConnect(connectRequest));
        this.pages.setConnect(request, connectRequest);
      },
      disconnectSignal(reply),
    );
    this.metrics.step('response', 'ok');
    const { ticket } = completion;
    switch (completion.kind) {
      case 'redirect':
        audit.omitSuccess();
        await redirectTo(reply, completion.consentUrl);
        return;
      case 'settled':
        audit.omitSuccess();
        await respondToBrowser(reply, ticket, ticket.outcome);
        return;
      case 'outcome': {
        const { outcome, isReportedLater } = completion;
        if (isReportedLater) audit.omitSuccess();
        else {
          audit.add(consentFacts(outcome));
          this.metrics.ended(endOf(outcome, ticket.connectRequest, request.id));
        }
        await respondToBrowser(reply, ticket, outcome);
      }
    }
  }
}

/** Google may add parameters, so unknown ones are ignored; a known one must appear once and have a limited length. */
function parameter(request: FastifyRequest, name: string, maxLength: number): string | null {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string' || value.length > maxLength || !isPlainText(value)) throw malformed(name);
  return value;
}

/** Only diagnostic: a malformed one is ignored. */
function optional(request: FastifyRequest, name: string): string | null {
  const value = (request.query as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function malformed(name: string): BrokerError {
  const what = 'is not as Google sends it.';
  return new BrokerError('invalid_request', `${name}: ${what}`, {
    errors: { [name]: what },
    reason: 'malformed_response',
  });
}

/** Anyone can put text into a link: only what has the form of an error code (RFC 6749 section 4.1.2.1) is shown. */
function errorCode(error: string | null): string | null {
  if (error === null) return null;
  return /^[a-z_]{1,64}$/.test(error) ? error : 'unknown_error';
}
