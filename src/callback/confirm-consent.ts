import { Injectable } from '@nestjs/common';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import { demandAllowed, type Service } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { PendingConsents, type PendingConsent } from '../domain/ports/pending-consents.js';
import { missingScopes } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { HoldConsent } from './hold-consent.js';
import { ResumeConnects } from './resume-connects.js';

export interface Confirmed {
  readonly grant: Grant;
  readonly missing: readonly string[];
  readonly unrequested: readonly string[];
}

@Injectable()
export class ConfirmConsent {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly pending: PendingConsents,
    private readonly holdConsent: HoldConsent,
    private readonly resumeConnects: ResumeConnects,
  ) {}

  /**
   * Makes a grant of a waiting consent, if the user whose session brought the code is the user of the link. To a service
   * that did not make the ticket, the code is unknown, and stays good for the one that did.
   * @throws {BrokerError} `invalid_request`: a code that is unknown, used or older than 10 minutes; `not_allowed`:
   * another user, or one that the service may not act for; the consent is forgotten then. `google_unavailable`: it is
   * not known yet which account consented.
   */
  async confirm(service: Service, code: Secret, userId: string): Promise<Confirmed> {
    demandAllowed(service, userId, service.policy.clients[0] ?? '', []);
    const codeHash = this.holdConsent.hashOf(service.id, code);
    const consent = await this.#find(codeHash);
    if (!consent) throw codeUnknown();
    const { wish, answer, includedGranted } = consent;
    try {
      if (wish.userId !== userId) throw wrongUser();
      demandAllowed(service, userId, wish.client, wish.scopes);
    } catch (refusal) {
      await this.pending.remove(codeHash);
      throw refusal;
    }
    const saved = await this.grants.saveConsent({
      userId,
      client: wish.client,
      account: answer.account,
      requestedScopes: wish.scopes,
      answer,
      includedGranted,
      exchangeId: null,
      codeHash,
      now: this.clock.now(),
    });
    if (saved.kind === 'saved') {
      const { grant, unrequested } = saved;
      return { grant, missing: missingScopes(wish.scopes, grant.grantedScopes), unrequested };
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
