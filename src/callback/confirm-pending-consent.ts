import { Injectable } from '@nestjs/common';
import { assertAllowed, type Service } from '../domain/access/policy.js';
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
import { HoldPendingConsent } from './hold-pending-consent.js';
import { ResumeConnectsJob } from './resume-connects.job.js';

export interface Confirmed {
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
    private readonly holdConsent: HoldPendingConsent,
    private readonly resumeConnects: ResumeConnectsJob,
  ) {}

  /**
   * Makes a grant of a waiting consent, if the user whose session brought the code is the user of the link. To a service
   * that did not make the ticket, the code is unknown, and stays good for the one that did.
   * @throws {BrokerError} `invalid_request`: a code that is unknown, used or older than 10 minutes; `not_allowed`:
   * another user, or one that the service may not act for; the consent is forgotten then. `google_unavailable`: it is
   * not known yet which account consented.
   */
  async confirm(service: Service, code: Secret, userId: string): Promise<Confirmed> {
    assertAllowed(service, userId, service.policy.clients[0] ?? '', []);
    const codeHash = this.holdConsent.hashOf(service.id, code);
    const consent = await this.#find(codeHash);
    if (!consent) throw codeUnknown();
    const { connectRequest, answer, includedGranted } = consent;
    try {
      if (connectRequest.userId !== userId) throw wrongUser();
      assertAllowed(service, userId, connectRequest.client, connectRequest.scopes);
    } catch (refusal) {
      await this.pending.remove(codeHash);
      throw refusal;
    }
    const saved = await this.grants.saveConsent({
      userId,
      client: connectRequest.client,
      account: answer.account,
      requestedScopes: connectRequest.scopes,
      answer,
      includedGranted,
      exchangeId: null,
      codeHash,
      now: this.clock.now(),
    });
    if (saved.kind === 'saved') {
      const { grant, unrequested } = saved;
      return { grant, missing: missingScopes(connectRequest.scopes, grant.grantedScopes), unrequested };
    }
    // Another call with the same code was faster.
    if (saved.kind === 'gone') throw codeUnknown();
    await this.pending.remove(codeHash);
    throw new BrokerError(
      'not_connected',
      'Google gave no lasting permission for all of this. Let the user connect again.',
      { reason: 'no_refresh_token' },
    );
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
