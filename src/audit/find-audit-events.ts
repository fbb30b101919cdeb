import { Injectable } from '@nestjs/common';
import { assertMay, maySeeUser, type Service } from '../domain/access/policy.js';
import { coversAll } from '../domain/access/user-rule.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Page } from '../domain/page.js';
import {
  type AuditEvent,
  AuditEventsRepository,
  type AuditPosition,
} from '../token-store/audit/audit-events.repository.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

export interface AuditFilter {
  readonly user: string | null;
  /** By name or id. */
  readonly service: string | null;
  readonly since: Date | null;
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

/** The id of none. */
const NO_SERVICE = '';

/** The audit trail, as far as a service may read it: the events of the users it covers. */
@Injectable()
export class FindAuditEvents {
  constructor(
    private readonly log: AuditLog,
    private readonly trail: AuditEventsRepository,
    private readonly services: ServicesRepository,
  ) {}

  /** @throws {BrokerError} `not_allowed` or `invalid_request` */
  async find(caller: Service, filter: AuditFilter): Promise<Page<AuditEvent, AuditPosition>> {
    assertMay(caller, 'audit');
    const { policy, name } = caller;
    const { user, service, ...rest } = filter;
    if (user !== null && !maySeeUser(policy, user)) {
      throw new BrokerError('not_allowed', `The service ${name} may not act for the user ${user}.`);
    }
    const meant = service === null ? null : await this.services.findNamed(service);
    // To a caller that sees some users only, a service that is none is like one that did nothing for them.
    if (service !== null && meant === null && coversAll(policy.users)) {
      throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
    }
    // Whoever just did something finds it.
    await this.log.flush();
    const serviceId = service === null ? null : (meant?.id ?? NO_SERVICE);
    return this.trail.find({ ...rest, users: policy.users, userId: user, serviceId });
  }
}
