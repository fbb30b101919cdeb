import { Injectable, Logger } from '@nestjs/common';
import type { GoogleFailure } from '../domain/google-failure.js';
import type { Diagnosis, Grant } from '../domain/grant.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { Clock } from '../domain/ports/clock.js';
import type { TokenWish } from './refusals.js';

/** For whom Google was asked. Others may wait for the same answer. */
export type Asker = Pick<TokenWish, 'service' | 'requestId'>;

/** Says in the log and in the audit trail that Google gave no token. Google's description stays out: it is free text. */
@Injectable()
export class ReportRefreshFailure {
  readonly #log = new Logger(ReportRefreshFailure.name);

  constructor(
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** @param diagnosis where the failure is final */
  report(failure: GoogleFailure, grant: Grant, asker: Asker, diagnosis: Diagnosis | null): void {
    const { kind, error, subtype } = failure;
    this.#log.warn({ grant: grant.id, kind, error, subtype }, 'refresh failed');
    this.audit.record({
      at: this.clock.now(),
      action: 'token.refresh',
      outcome: kind,
      actor: 'google',
      serviceId: asker.service.id,
      userId: grant.userId,
      client: grant.client,
      grantId: grant.id,
      requestId: asker.requestId,
      details: {
        google_error: error,
        ...(subtype === null ? {} : { google_error_subtype: subtype }),
        ...(diagnosis ? { cause: diagnosis.cause, confidence: diagnosis.confidence } : {}),
      },
    });
  }
}
