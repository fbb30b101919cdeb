import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ConnectTickets } from '../connect-tickets/connect-tickets.service.js';
import { type ConnectOutcome, mayTryAgain, STATE_EXPIRED } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { isExchanging, stateAt } from '../domain/connect/connect-ticket.js';
import type { Account } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { foldEmail } from '../domain/text.js';
import { Public } from '../http/caller.decorator.js';
import { pageContextOf, sendAppPage } from '../http/page-responses.js';
import { type Problem, problemOf } from '../http/problem/problem.js';
import { errorPage } from '../pages/error-page.js';
import { resultPage, unfinishedPage, waitingPage } from '../pages/result-page.js';
import { ConnectTicketsRepository } from '../token-store/connects/connect-tickets.repository.js';
import { BrowserBinding } from './browser-binding-cookie.js';
import { appAddress, callbackRefusal, readRefusalReason, redirectTo } from './browser-response.js';
import { PageContexts } from './page-contexts.js';
import { ResultQuery } from './connect-page.dto.js';

/**
 * What a browser sees after Google, at an address without code and state, which it can load as often as it likes. Changes and
 * counts nothing.
 */
@Controller('connect/result')
@ApiExcludeController()
export class ConnectResultController {
  constructor(
    private readonly clock: Clock,
    private readonly tickets: ConnectTickets,
    private readonly store: ConnectTicketsRepository,
    private readonly binding: BrowserBinding,
    private readonly pages: PageContexts,
  ) {}

  @Get()
  @Public()
  async show(
    @Query() { ticket: id, refused, request: refusedRequest }: ResultQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (refused !== undefined || id === undefined) {
      const reason = readRefusalReason(refused ?? '') ?? 'state_missing';
      await sendRefusal(request, reply, problemOf(callbackRefusal(reason), refusedRequest ?? request.id));
      return;
    }
    const ticket = await this.store.find(id);
    const isConnect = ticket?.connectRequest.purpose !== 'manage';
    if (!ticket || !isConnect || !this.binding.isBoundTo(ticket, this.binding.read(request, id))) {
      await sendRefusal(request, reply, problemOf(callbackRefusal('other_browser'), request.id));
      return;
    }
    const { connectRequest } = ticket;
    const now = this.clock.now();
    // Before a job says so.
    const outcome = stateAt(ticket, now) === 'expired' ? STATE_EXPIRED : ticket.outcome;
    const address = appAddress(connectRequest, outcome);
    if (address !== null) {
      await redirectTo(reply, address);
      return;
    }
    const context = await this.pages.of(request, connectRequest, outcome);
    const nextStep = await this.#nextStep(connectRequest, outcome);
    const page = outcome
      ? resultPage(context, { outcome, nextStep, connectRequest })
      : isExchanging(ticket, now)
        ? waitingPage(context)
        : unfinishedPage(context, nextStep);
    await sendAppPage(reply, context, page);
  }

  /**
   * Another link for the same connect; Google suggests the account that is required, and not one that was refused. After a
   * partial consent it asks the same account for the scopes that are missing, and for nothing else; for all of them again where
   * the grant may hold no previous scopes.
   */
  async #nextStep(connectRequest: ConnectRequest, outcome: ConnectOutcome | null): Promise<string | null> {
    if (outcome === null) return this.tickets.retryLink(connectRequest);
    if (!mayTryAgain(outcome)) return null;
    if (outcome.kind === 'granted') return this.tickets.retryLink(forMissing(connectRequest, outcome));
    const { requireAccount, accountHint } = connectRequest;
    const chosen = outcome.kind === 'failed' ? outcome.account : undefined;
    const isRefused = accountHint !== null && chosen !== undefined && isOf(accountHint, chosen);
    const hint = requireAccount?.email ?? (isRefused ? null : accountHint) ?? requireAccount?.sub ?? null;
    return this.tickets.retryLink({ ...connectRequest, accountHint: hint });
  }
}

/**
 * What was allowed stays allowed: Google includes it (`include_granted_scopes`). Where the service wants nothing included, a consent
 * for the missing scopes alone would take the others away. Either is about one account.
 */
function forMissing(
  connectRequest: ConnectRequest,
  { missing, account: { sub, email } }: Extract<ConnectOutcome, { kind: 'granted' }>,
): ConnectRequest {
  const { reasons, ...parts } = connectRequest;
  const scopes = connectRequest.includeGranted === false ? connectRequest.scopes : missing;
  const left = Object.entries(reasons ?? {}).filter(([scope]) => scopes.includes(scope));
  return {
    ...parts,
    scopes,
    ...(left.length === 0 ? {} : { reasons: Object.fromEntries(left) }),
    accountHint: email ?? sub,
    requireAccount: { ...connectRequest.requireAccount, sub },
  };
}

function isOf(hint: string, { sub, email }: Account): boolean {
  return hint === sub || (email !== null && foldEmail(hint) === foldEmail(email));
}

async function sendRefusal(request: FastifyRequest, reply: FastifyReply, problem: Problem): Promise<void> {
  const context = pageContextOf(request);
  await sendAppPage(reply.status(400), context, errorPage(context, problem));
}
