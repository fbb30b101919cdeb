import { Injectable } from '@nestjs/common';
import { assertMay, maySeeUser, type Service } from '../domain/access/policy.js';
import { coversAll } from '../domain/access/user-rule.js';
import type { AuditAction } from '../domain/audit-entry.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Page } from '../domain/list-position.js';
import {
  type AuditEvent,
  AuditEventsRepository,
  type AuditPosition,
} from '../token-store/audit/audit-events.repository.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

interface AuditFilter {
  readonly user: string | null;
  /** By name or id. */
  readonly service: string | null;
  readonly action: AuditAction | null;
  readonly since: Date | null;
  readonly until: Date | null;
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

/** Matches no service's id. */
const NO_SERVICE = '';

/**
 * The audit events that a service may read: those of the users that its policy covers, its own latest ones included. Owns neither
 * the export (audit-export.controller.ts) nor what operators see (console/audit/).
 */
@Injectable()
export class VisibleAuditEvents {
  constructor(
    private readonly log: AuditLog,
    private readonly events: AuditEventsRepository,
    private readonly services: ServicesRepository,
  ) {}

  /** @throws {BrokerError} `not_allowed` or `invalid_request` */
  async find(
    caller: Service,
    { user, service, ...filter }: AuditFilter,
  ): Promise<Page<AuditEvent, AuditPosition>> {
    assertMay(caller, 'audit');
    const { policy, name } = caller;
    if (user !== null && !maySeeUser(policy, user)) {
      throw new BrokerError('not_allowed', `The service ${name} may not act for the user ${user}.`);
    }
    const named = service === null ? null : await this.services.findNamed(service);
    // A caller that sees some users only must not learn which services exist: it gets an empty list.
    if (service !== null && named === null && coversAll(policy.users)) {
      throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
    }
    // Events are written behind: a caller finds what it just did.
    await this.log.flush(user === null ? null : [user]);
    const serviceId = service === null ? null : (named?.id ?? NO_SERVICE);
    return this.events.find({ ...filter, users: policy.users, userId: user, serviceId });
  }
}
