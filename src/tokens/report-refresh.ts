import { Injectable, Logger } from '@nestjs/common';
import type { AuditDetail } from '../domain/audit-entry.js';
import type { GoogleFailure } from '../domain/google-failure.js';
import type { Diagnosis, Grant } from '../domain/grant.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { Clock } from '../domain/ports/clock.js';
import type { TokenWish } from './refusals.js';

/** For whom Google was asked. Others may wait for the same answer. */
export type Asker = Pick<TokenWish, 'service' | 'requestId'>;

/** Says in the audit trail what came of asking Google, and in the log where it gave no token. Its description stays out: it is free text. */
@Injectable()
export class ReportRefresh {
  readonly #log = new Logger(ReportRefresh.name);

  constructor(
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  succeeded(grant: Grant, scopes: readonly string[], asker: Asker): void {
    this.#record('ok', grant, asker, { scopes });
  }

  /** @param diagnosis where the failure is final */
  failed(failure: GoogleFailure, grant: Grant, asker: Asker, diagnosis: Diagnosis | null): void {
    const { kind, error, subtype } = failure;
    this.#log.warn({ grant: grant.id, kind, error, subtype }, 'refresh failed');
    this.#record(kind, grant, asker, {
      google_error: error,
      ...(subtype === null ? {} : { google_error_subtype: subtype }),
      ...(diagnosis ? { cause: diagnosis.cause, confidence: diagnosis.confidence } : {}),
    });
  }

  #record(outcome: string, grant: Grant, asker: Asker, details: Record<string, AuditDetail>): void {
    this.audit.record({
      at: this.clock.now(),
      action: 'token.refresh',
      outcome,
      actor: 'google',
      serviceId: asker.service.id,
      userId: grant.userId,
      client: grant.client,
      grantId: grant.id,
      requestId: asker.requestId,
      details,
    });
  }
}
