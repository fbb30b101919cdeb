import { Injectable } from '@nestjs/common';
import { type Policy, policyDetails } from '../domain/access/policy.js';
import { isUserId, readUserRule, USER_ID_RULE } from '../domain/access/user-rule.js';
import {
  isSubject,
  type ServiceIssuer,
  SUBJECT_RULE,
  trustDomainNamed,
  trustDomainOf,
  type WorkloadIdentity,
} from '../domain/access/workload-identity.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { isScope, scopeSet } from '../domain/google/scopes.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { NAME, NAME_RULE } from '../domain/text.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { DeclaredSettingsRepository } from '../token-store/declarations/declared-settings.repository.js';
import { type ServiceCredential, ServicesRepository } from '../token-store/services/services.repository.js';
import { generateKey, generateShortId } from './service-key.js';

const USER_RULE = 'A * at the end makes it a prefix; \\* is a star and \\\\ a backslash of the user id.';

export interface CreatedService {
  readonly id: string;
  readonly name: string;
}

export interface ServiceWithKey extends CreatedService {
  /** Shown once; only its hash is stored. */
  readonly key: Secret;
}

export interface RevokedService {
  readonly id: string;
  readonly name: string;
  readonly revokedAt: Date;
  /** False when it was revoked before. */
  readonly changed: boolean;
}

/** Creates and revokes services, for the operator. */
@Injectable()
export class ServiceRegistry {
  constructor(
    private readonly services: ServicesRepository,
    private readonly clock: Clock,
    private readonly declared: DeclaredSettingsRepository,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {BrokerError} `invalid_request`: a malformed policy or a name that is taken */
  async create(name: string, policy: Policy): Promise<ServiceWithKey> {
    assertValid(name, policy);
    const { id, key, hash } = generateKey();
    return { ...(await this.#add(id, name, policy, { kind: 'key', keyHash: hash })), key };
  }

  /**
   * A service without a key: the JWTs of its platform identify it.
   * @throws {BrokerError} `invalid_request`: also for an identity that is taken, or of an issuer that is not configured
   */
  async createForIdentity(name: string, policy: Policy, identity: WorkloadIdentity): Promise<CreatedService> {
    assertValid(name, policy, identityErrors(identity, await this.declared.serviceIssuers()));
    const { issuer, subject } = identity;
    const holder = await this.services.findByIdentity(issuer, subject);
    if (holder) {
      throw new BrokerError(
        'invalid_request',
        `The service ${holder.name} has this identity already. Revoke it first.`,
        { taken: 'identity' },
      );
    }
    return this.#add(generateShortId(), name, policy, { kind: 'identity', issuer, subject });
  }

  /** Revokes a service for good; repeated calls change nothing. @returns null when no service has this name or id */
  async revoke(idOrName: string): Promise<RevokedService | null> {
    // findNamed also returns a row that the broker did not write, so that it can be revoked.
    const service = await this.services.findNamed(idOrName);
    if (!service) return null;
    const { id, name } = service;
    const now = this.clock.now();
    if (!(await this.services.revoke(id, now))) {
      return { id, name, revokedAt: service.revokedAt ?? now, changed: false };
    }
    this.audit.record({
      at: now,
      action: 'service.revoke',
      outcome: 'ok',
      actor: 'operator',
      serviceId: id,
      details: { name },
    });
    await this.audit.flushCommitted([null]);
    return { id, name, revokedAt: now, changed: true };
  }

  async #add(
    id: string,
    name: string,
    policy: Policy,
    credential: ServiceCredential,
  ): Promise<CreatedService> {
    const stored = { ...policy, scopes: scopeSet(policy.scopes) };
    const now = this.clock.now();
    // A name must not equal another service's id: `service revoke` accepts both.
    const named = await this.services.findNamed(name);
    if (named || !(await this.services.add({ id, name, credential, policy: stored, createdAt: now }))) {
      throw new BrokerError('invalid_request', `A service called ${name} exists already.`, { taken: 'name' });
    }
    const identity =
      credential.kind === 'key' ? {} : { issuer: credential.issuer, subject: credential.subject };
    this.audit.record({
      at: now,
      action: 'service.create',
      outcome: 'ok',
      actor: 'operator',
      serviceId: id,
      details: { name, ...policyDetails(stored), ...identity },
    });
    await this.audit.flushCommitted([null]);
    return { id, name };
  }
}

/** What is wrong with an identity, by field. @param issuers whose JWTs services may present */
export function identityErrors(
  { issuer, subject }: WorkloadIdentity,
  issuers: readonly Pick<ServiceIssuer, 'name'>[],
): Record<string, string> {
  const errors: Record<string, string> = {};
  const trusted = issuers.map(({ name }) => name);
  if (!trusted.includes(issuer)) {
    errors['issuer'] =
      `is not trusted by the broker. SERVICE_ISSUERS_FILE has or an applied file declares ${trusted.join(', ') || 'none'}.`;
  }
  if (!isSubject(subject)) errors['subject'] = SUBJECT_RULE;
  else if (trustDomainNamed(issuer) !== null && trustDomainOf(subject) !== issuer) {
    errors['subject'] = `must be a SPIFFE ID such as ${issuer}/ns/default/sa/reports.`;
  }
  return errors;
}

function assertValid(name: string, policy: Policy, others: Readonly<Record<string, string>> = {}): void {
  const errors = { ...others, ...serviceErrors(name, policy) };
  if (Object.keys(errors).length > 0) throw invalidRequest(errors);
}

/** What is wrong with a name and a policy, by field. */
export function serviceErrors(
  name: string,
  { clients, scopes, users }: Pick<Policy, 'clients' | 'scopes' | 'users'>,
): Record<string, string> {
  const isRule = (rule: string) => rule === '*' || isUserId(readUserRule(rule)?.text ?? '');
  const errors: Record<string, string> = {};
  if (!NAME.test(name)) errors['name'] = NAME_RULE;
  if (clients.length === 0) errors['clients'] = 'must name at least one client, or *.';
  if (scopes.length === 0 || !scopes.every((scope) => scope === '*' || isScope(scope))) {
    errors['scopes'] = 'must be https URLs, openid, email, profile, or *.';
  }
  if (users.length === 0 || !users.every(isRule)) errors['users'] = `${USER_ID_RULE} ${USER_RULE}`;
  return errors;
}
