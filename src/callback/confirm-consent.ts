import { Injectable } from '@nestjs/common';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Grant } from '../domain/grant.js';
import { demandAllowed, type Service } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { PendingConsents } from '../domain/ports/pending-consents.js';
import { missingScopes } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';

export interface Confirmed {
  readonly grant: Grant;
  readonly missing: readonly string[];
}

@Injectable()
export class ConfirmConsent {
  constructor(
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly pending: PendingConsents,
  ) {}

  /**
   * Makes a grant of a waiting consent, if the user whose session brought the code is the user of the link.
   * @throws {BrokerError} `invalid_request`: a code that is unknown, used or older than 10 minutes; `not_allowed`:
   * another user, or one that the service may not act for. The consent is forgotten then.
   */
  async confirm(service: Service, code: Secret, userId: string): Promise<Confirmed> {
    const now = this.clock.now();
    const consent = await this.pending.take(code, now);
    if (!consent)
      throw invalidRequest({ code: 'is not one that waits: unknown, used, or older than 10 minutes.' });
    const { wish, answer } = consent;
    if (wish.userId !== userId) {
      throw new BrokerError(
        'not_allowed',
        'This consent was given for another user than the one whose session brought it back. It was forgotten.',
      );
    }
    demandAllowed(service, userId, wish.client, wish.scopes);
    const grant = await this.grants.saveConsent({
      userId,
      client: wish.client,
      account: answer.account,
      requestedScopes: wish.scopes,
      answer,
      now,
    });
    if (!grant) {
      throw new BrokerError(
        'not_connected',
        'Google gave no lasting permission. Let the user connect again.',
      );
    }
    return { grant, missing: missingScopes(wish.scopes, grant.grantedScopes) };
  }
}
