/**
 * The confirmation of a consent that waits for it: the app's server says whose session brought the code back, and the consent becomes a
 * grant, or is removed. Does not own the code and its hash (pending-consents.ts), how the grant is written
 * (token-store/grants/grants.repository.ts), nor the route (completions.controller.ts).
 */
import { Injectable } from '@nestjs/common';
import { TicketProgress } from '../connect-tickets/ticket-progress.js';
import { assertAllowed, type Service } from '../domain/access/policy.js';
import { outcomeOfRefusal } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';
import { missingScopes } from '../domain/google/scopes.js';
import type { Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import {
  type PendingConsent,
  PendingConsentsRepository,
} from '../token-store/connects/pending-consents.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { OUTCOME_WITHOUT_REFRESH_TOKEN } from './consent-outcome.js';
import { ReadTicketEnd } from './read-ticket-end.js';
import { PendingConsents } from './pending-consents.js';
import { FinishWithoutBrowser } from './finish-without-browser.js';

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
    private readonly finishWithoutBrowser: FinishWithoutBrowser,
    private readonly ticketEnd: ReadTicketEnd,
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
    const assertMayConfirm = (asked: ConnectRequest) => {
      if (asked.userId !== userId) throw wrongUser();
      assertAllowed(service, userId, asked.client, asked.scopes);
    };
    const codeHash = this.pendingConsents.hashOf(service.id, code);
    const consent = await this.#find(codeHash, assertMayConfirm, requestId);
    if (!consent) {
      assertAllowed(service, userId, service.policy.clients[0] ?? '', []);
      throw codeUnknown();
    }
    const { connectRequest, answer, includedGranted } = consent;
    try {
      assertMayConfirm(connectRequest);
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
      ticket: await this.ticketEnd.factsOf({ ...consent, requestId }, answer.account),
      now: this.clock.now(),
    });
    if (saved.kind === 'saved') {
      const { grant, unrequested } = saved;
      return { grant, missing: missingScopes(connectRequest.scopes, grant.grantedScopes), unrequested };
    }
    // Another call with the same code has won.
    if (saved.kind === 'gone' || saved.kind === 'ticket_ended') throw codeUnknown();
    const refusal = new BrokerError('not_connected', OUTCOME_WITHOUT_REFRESH_TOKEN.detail, {
      reason: OUTCOME_WITHOUT_REFRESH_TOKEN.code,
    });
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

  async #find(
    codeHash: Uint8Array<ArrayBuffer>,
    assertMayConfirm: (asked: ConnectRequest) => void,
    requestId: string,
  ): Promise<PendingConsent | null> {
    const consent = await this.pending.find(codeHash, this.clock.now());
    if (consent) return consent;
    await this.finishWithoutBrowser.finishByCode(codeHash, assertMayConfirm, requestId);
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
    'The session belongs to a different user than the link. The consent was discarded.',
    { reason: 'wrong_user' },
  );
}
