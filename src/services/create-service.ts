import { Injectable } from '@nestjs/common';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import type { Policy } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { ServiceStore } from '../domain/ports/service-store.js';
import { isScope, scopeSet } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { isUserId, USER_ID_RULE } from '../domain/user-id.js';
import { generateKey } from './service-key.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$/;

export interface CreatedService {
  readonly id: string;
  readonly name: string;
  /** Shown once; only its hash is kept. */
  readonly key: Secret;
}

@Injectable()
export class CreateService {
  constructor(
    private readonly services: ServiceStore,
    private readonly clock: Clock,
  ) {}

  /** @throws {BrokerError} `invalid_request`: a malformed policy or a name that is taken */
  async create(name: string, policy: Policy): Promise<CreatedService> {
    demandSound(name, policy);
    const { id, key, hash } = generateKey();
    const added = await this.services.add({
      id,
      name,
      credential: { kind: 'key', keyHash: hash },
      policy: { ...policy, scopes: scopeSet(policy.scopes) },
      createdAt: this.clock.now(),
    });
    if (!added) throw new BrokerError('invalid_request', `A service called ${name} exists already.`);
    return { id, name, key };
  }
}

function demandSound(name: string, { clients, scopes, users }: Policy): void {
  const isRule = (rule: string) =>
    isUserId(rule) || rule === '*' || (rule.endsWith('*') && isUserId(rule.slice(0, -1)));
  const errors: Record<string, string> = {};
  if (!NAME.test(name)) errors['name'] = 'must be 1 to 80 letters, digits, spaces or . _ -';
  if (clients.length === 0) errors['clients'] = 'must name at least one client, or *.';
  if (scopes.length === 0 || !scopes.every((scope) => scope === '*' || isScope(scope))) {
    errors['scopes'] = 'must be https URLs, openid, email, profile, or *.';
  }
  if (users.length === 0 || !users.every(isRule)) errors['users'] = `${USER_ID_RULE} A * may end it.`;
  if (Object.keys(errors).length > 0) throw invalidRequest(errors);
}
