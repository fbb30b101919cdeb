import { Injectable } from '@nestjs/common';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { maySeeUser, type Service } from '../domain/policy.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { AuditTrail, type AuditEvent, type AuditPosition } from '../domain/ports/audit-trail.js';
import { ServiceStore } from '../domain/ports/service-store.js';

export interface AuditWish {
  readonly user: string | null;
  /** By name or id. */
  readonly service: string | null;
  readonly since: Date | null;
  readonly olderThan: AuditPosition | null;
  readonly limit: number;
}

/** The audit trail, as far as a service may read it: the events of the users it covers. */
@Injectable()
export class FindAuditEvents {
  constructor(
    private readonly log: AuditLog,
    private readonly trail: AuditTrail,
    private readonly services: ServiceStore,
  ) {}

  /** @throws {BrokerError} `not_allowed` or `invalid_request` */
  async find({ policy, name }: Service, wish: AuditWish): Promise<AuditEvent[]> {
    if (!policy.audit)
      throw new BrokerError('not_allowed', `The service ${name} may not read the audit trail.`);
    const { user, service, ...rest } = wish;
    if (user !== null && !maySeeUser(policy, user)) {
      throw new BrokerError('not_allowed', `The service ${name} may not act for the user ${user}.`);
    }
    // Whoever just did something finds it.
    await this.log.flush();
    return this.trail.find({
      ...rest,
      users: policy.users,
      userId: user,
      serviceId: service === null ? null : await this.#idOf(service),
    });
  }

  async #idOf(nameOrId: string): Promise<string> {
    const all = await this.services.list();
    const meant = all.find(({ id, name }) => id === nameOrId || name === nameOrId);
    if (!meant) throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
    return meant.id;
  }
}
