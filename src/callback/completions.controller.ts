import { Body, Controller, Header, HttpCode, Injectable, Post, Req, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ConnectAuditInterceptor } from '../authorization/connect-audit.interceptor.js';
import { unrequestedFact } from '../authorization/consent-facts.js';
import { Settings } from '../config/settings.js';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { assertAllowed, type Service } from '../domain/access/policy.js';
import { outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import { BrokerError } from '../domain/errors.js';
import { missingScopes } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Secret } from '../domain/secret.js';
import { Audit, Audited, type AuditNote } from '../http/audit.decorator.js';
import { Caller } from '../http/caller.decorator.js';
import { assertCellUser } from '../http/cell-user.js';
import { ApiBodyProblems, ApiProblems } from '../http/openapi.js';
import { ConnectMetrics } from '../operations/connect-metrics.js';
import {
  type PendingConsent,
  PendingConsentsRepository,
} from '../token-store/connects/pending-consents.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { ConsentTickets } from './consent-tickets.js';
import { PendingConsents } from './pending-consents.js';
import { ResumeConnectsJob } from './resume-connects.job.js';
import { CompletionDto, CompletionResponse } from './completions.dto.js';

interface Confirmed {
  readonly grant: Grant;
  readonly missing: readonly string[];
  readonly unrequested: readonly string[];
}

@Injectable()
export class ConfirmPendingConsent {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly pending: PendingConsentsRepository,
    private readonly pendingConsents: PendingConsents,
    private readonly resumeConnects: ResumeConnectsJob,
    private readonly consentTickets: ConsentTickets,
    private readonly progress: TicketProgress,
  ) {}

  /**
   * Turns a pending consent into a grant, if the user whose session brought the code is the user of the link. Only the
   * service that made the ticket can use the code; to another it is unknown, and stays valid.
   * @throws {BrokerError} `invalid_request`: the code is unknown, used or older than 10 minutes; `not_allowed`: another
   * user, or one that the service may not act for, and the consent is removed; `google_unavailable`: the account is not
   * verified yet
   */
  async confirm(service: Service, code: Secret, userId: string, requestId: string): Promise<Confirmed> {
    assertAllowed(service, userId, service.policy.clients[0] ?? '', []);
    const codeHash = this.pendingConsents.hashOf(service.id, code);
    const consent = await this.#find(codeHash);
    if (!consent) throw codeUnknown();
    const { connectRequest, answer, includedGranted } = consent;
    try {
      if (connectRequest.userId !== userId) throw wrongUser();
      assertAllowed(service, userId, connectRequest.client, connectRequest.scopes);
    } catch (refusal) {
      await this.#fail(codeHash, consent, refusal, requestId);
      throw refusal;
    }
    const saved = await this.grants.saveConsent({
      userId,
      client: connectRequest.client,
      account: answer.account,
      requestedScopes: connectRequest.scopes,
      answer,
      includedGranted,
      mayNarrow: connectRequest.includeGranted === false,
      exchangeId: null,
      codeHash,
      ticket: await this.consentTickets.of({ ...consent, requestId }, answer.account),
      now: this.clock.now(),
    });
    if (saved.kind === 'saved') {
      const { grant, unrequested } = saved;
      return { grant, missing: missingScopes(connectRequest.scopes, grant.grantedScopes), unrequested };
    }
    // Another call with the same code has won.
    if (saved.kind === 'gone' || saved.kind === 'ticket_ended') throw codeUnknown();
    const refusal = new BrokerError(
      'not_connected',
      'Google gave no lasting permission for all of this. Let the user connect again.',
      { reason: 'no_refresh_token' },
    );
    await this.#fail(codeHash, consent, refusal, requestId);
    throw refusal;
  }

  /** Its ticket first: with an ended ticket no consent becomes a grant, and what fails is done again with the same code. */
  async #fail(
    codeHash: Uint8Array<ArrayBuffer>,
    { ticketId }: PendingConsent,
    refusal: unknown,
    requestId: string,
  ): Promise<void> {
    if (ticketId !== null && refusal instanceof BrokerError)
      await this.progress.end(ticketId, outcomeOfRefusal(refusal), requestId);
    await this.pending.remove(codeHash);
  }

  async #find(codeHash: Uint8Array<ArrayBuffer>): Promise<PendingConsent | null> {
    const consent = await this.pending.find(codeHash, this.clock.now());
    if (consent) return consent;
    await this.resumeConnects.finishByCode(codeHash);
    return this.pending.find(codeHash, this.clock.now());
  }
}

function codeUnknown(): BrokerError {
  const what = 'is not one that waits: unknown, used, or older than 10 minutes.';
  return new BrokerError('invalid_request', `code: ${what}`, {
    errors: { code: what },
    reason: 'code_unknown',
  });
}

function wrongUser(): BrokerError {
  return new BrokerError(
    'not_allowed',
    'This consent was given for another user than the one whose session brought it back. It was forgotten.',
    { reason: 'wrong_user' },
  );
}

@Controller('connect/completions')
@ApiTags('connect')
@ApiBearerAuth()
export class CompletionsController {
  constructor(
    private readonly settings: Settings,
    private readonly confirmConsent: ConfirmPendingConsent,
    private readonly metrics: ConnectMetrics,
  ) {}

  @Post()
  @Audited('connect.completion')
  @UseInterceptors(ConnectAuditInterceptor)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    operationId: 'completeConnect',
    summary: 'Confirm that the user of your session is the one who consented',
  })
  @ApiBody({
    type: CompletionDto,
    examples: {
      simple: {
        summary: 'With the connect_code that the browser brought: this one is made up',
        value: { code: 'a-connect-code-of-43-characters-as-it-came-', user_id: 'alice' },
      },
    },
  })
  @ApiOkResponse({ type: CompletionResponse })
  @ApiBodyProblems()
  @ApiProblems(
    'invalid_request',
    'unauthenticated',
    'not_allowed',
    'not_connected',
    'rate_limited',
    'google_unavailable',
  )
  async complete(
    @Caller() service: Service,
    @Body() { code, user_id }: CompletionDto,
    @Audit() audit: AuditNote,
    @Req() request: FastifyRequest,
  ): Promise<CompletionResponse> {
    audit.add({ userId: user_id });
    assertCellUser(this.settings.cell, request, user_id);
    const requestId = request.id;
    const { grant, missing, unrequested } = await this.confirmConsent.confirm(
      service,
      new Secret(code),
      user_id,
      requestId,
    );
    audit.add({
      client: grant.client,
      grantId: grant.id,
      outcome: missing.length > 0 ? 'partial' : 'ok',
      details: {
        account: grant.account.sub,
        scopes: grant.grantedScopes,
        missing_scopes: missing,
        ...unrequestedFact(unrequested),
      },
    });
    this.metrics.step('confirm', 'ok');
    this.metrics.ended({
      outcome: missing.length > 0 ? 'partial' : 'ok',
      cause: missing.length > 0 ? 'scopes_unticked' : 'none',
      connectRequest: { serviceId: service.id, userId: user_id, client: grant.client },
      requestId,
    });
    return {
      connect: missing.length > 0 ? 'partial' : 'success',
      grant_id: grant.id,
      missing_scopes: [...missing],
    };
  }
}
