import { Injectable, Logger } from '@nestjs/common';
import type { AuditDetail } from '../domain/audit-entry.js';
import type { GoogleFailure } from '../domain/google/google-failure.js';
import type { Diagnosis, Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import type { TokenRequest } from './token-errors.js';

/** For whom Google was asked. Others may wait for the same answer. */
export type Requester = Pick<TokenRequest, 'service' | 'requestId'>;

/** Says in the audit trail what came of asking Google, and in the log where it gave no token. Its description stays out: it is free text. */
@Injectable()
export class ReportRefresh {
  readonly #log = new Logger(ReportRefresh.name);

  constructor(
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  succeeded(grant: Grant, scopes: readonly string[], requester: Requester): void {
    this.#record('ok', grant, requester, { scopes });
  }

  /** @param diagnosis where the failure is final */
  failed(failure: GoogleFailure, grant: Grant, requester: Requester, diagnosis: Diagnosis | null): void {
    const { kind, error, subtype } = failure;
    this.#log.warn({ grant: grant.id, kind, error, subtype }, 'refresh failed');
    this.#record(kind, grant, requester, {
      google_error: error,
      ...(subtype === null ? {} : { google_error_subtype: subtype }),
      ...(diagnosis ? { cause: diagnosis.cause, confidence: diagnosis.confidence } : {}),
    });
  }

  #record(outcome: string, grant: Grant, requester: Requester, details: Record<string, AuditDetail>): void {
    this.audit.record({
      at: this.clock.now(),
      action: 'token.refresh',
      outcome,
      actor: 'google',
      serviceId: requester.service.id,
      userId: grant.userId,
      client: grant.client,
      grantId: grant.id,
      requestId: requester.requestId,
      details,
    });
  }
}
