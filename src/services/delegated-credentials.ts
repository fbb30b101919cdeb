import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { Delegation } from '../domain/access/delegation.js';
import { assertAllowed, type Service } from '../domain/access/policy.js';
import type { AuditEntry } from '../domain/audit-entry.js';
import { scopeSet } from '../domain/google/scopes.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import {
  type DelegatedCredential,
  DelegatedCredentialsRepository,
  type RevokedCredential,
} from '../token-store/services/delegated-credentials.repository.js';
import { generateHandle } from './delegated-credential.js';

const DAY_SECONDS = 24 * 3600;
export const DEFAULT_LIFETIME_SECONDS = 90 * DAY_SECONDS;
export const MIN_LIFETIME_SECONDS = 60;
export const MAX_LIFETIME_SECONDS = 3660 * DAY_SECONDS;

export type NewDelegation = Omit<Delegation, 'id'> & { readonly lifetimeSeconds: number };

export interface CreatedCredential {
  readonly credential: DelegatedCredential;
  readonly handle: Secret;
}

/** Creates and revokes delegated credentials. Records what the operator does; a call of a service is recorded as a call. */
@Injectable()
export class DelegatedCredentials {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly store: DelegatedCredentialsRepository,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Only for what the service may have itself now. What it may have later is asked at each use.
   * @throws {BrokerError} `not_allowed`, or `invalid_request` for an unknown client
   */
  async create(service: Service, delegation: NewDelegation): Promise<CreatedCredential> {
    const { userId, client, account, scopes, lifetimeSeconds } = delegation;
    const { alias } = this.settings.clients.pickFor(service, client ?? undefined);
    assertAllowed(service, userId, alias, scopes);
    const { id, handle, hash } = generateHandle(this.settings.cell);
    const createdAt = this.clock.now();
    const credential: DelegatedCredential = {
      id,
      serviceId: service.id,
      userId,
      client,
      account,
      scopes: scopeSet(scopes),
      createdAt,
      expiresAt: new Date(createdAt.getTime() + lifetimeSeconds * 1000),
      revokedAt: null,
      lastUsedAt: null,
    };
    await this.store.add(credential, hash);
    return { credential, handle };
  }

  /** As the repository does. */
  revoke(id: string, serviceId: string | null): Promise<RevokedCredential | null> {
    return this.store.revoke(id, serviceId, this.clock.now());
  }

  async createByOperator(service: Service, delegation: NewDelegation): Promise<CreatedCredential> {
    const created = await this.create(service, delegation);
    await this.#record('credential.create', created.credential);
    return created;
  }

  async revokeByOperator(id: string): Promise<RevokedCredential | null> {
    const revoked = await this.revoke(id, null);
    if (revoked?.changed) await this.#record('credential.revoke', revoked.credential);
    return revoked;
  }

  async #record(action: AuditEntry['action'], credential: DelegatedCredential): Promise<void> {
    const { serviceId } = credential;
    const common = { at: this.clock.now(), action, outcome: 'ok', actor: 'operator', serviceId } as const;
    this.audit.record({ ...common, ...aboutCredential(credential) });
    await this.audit.flushCommitted([credential.userId]);
  }
}

/** The facts of an event about a credential: its id, never its handle. */
export function aboutCredential({
  id,
  userId,
  client,
  scopes,
  expiresAt,
}: DelegatedCredential): Pick<AuditEntry, 'userId' | 'client' | 'details'> {
  return { userId, client, details: { credential: id, scopes, expires_at: expiresAt.toISOString() } };
}
