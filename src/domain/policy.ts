import { BrokerError } from './errors.js';
import { canonicalScope, scopeSet } from './scopes.js';

/** What a service may ask for. `*` in a list means any. */
export interface Policy {
  readonly clients: readonly string[];
  readonly scopes: readonly string[];
  /** Exact user ids, or prefixes that end in `*`. */
  readonly users: readonly string[];
  /** Whether it may read the audit trail of the users it covers. */
  readonly audit: boolean;
}

/** An internal caller that proved who it is. */
export interface Service {
  readonly id: string;
  readonly name: string;
  readonly policy: Policy;
}

export function mayUseClient(policy: Policy, client: string): boolean {
  return policy.clients.includes('*') || policy.clients.includes(client);
}

export function maySeeUser(policy: Policy, userId: string): boolean {
  return policy.users.some((rule) =>
    rule.endsWith('*') ? userId.startsWith(rule.slice(0, -1)) : rule === userId,
  );
}

/** Of the given scopes, those the policy does not allow. */
function forbiddenScopes(policy: Policy, scopes: readonly string[]): string[] {
  if (policy.scopes.includes('*')) return [];
  const allowed = new Set(policy.scopes.map(canonicalScope));
  return scopeSet(scopes).filter((scope) => !allowed.has(scope));
}

/** Of the given scopes, those the policy allows. */
export function allowedScopes(policy: Policy, scopes: readonly string[]): string[] {
  const forbidden = new Set(forbiddenScopes(policy, scopes));
  return scopeSet(scopes).filter((scope) => !forbidden.has(scope));
}

/**
 * Refuses what the policy does not allow.
 * @throws {BrokerError} `not_allowed`, naming what was too much
 */
export function demandAllowed(
  service: Service,
  userId: string,
  client: string,
  scopes: readonly string[],
): void {
  const { policy, name } = service;
  const refuse = (what: string) => new BrokerError('not_allowed', `The service ${name} may not ${what}.`);
  if (!maySeeUser(policy, userId)) throw refuse(`act for the user ${userId}`);
  if (!mayUseClient(policy, client)) throw refuse(`use the client ${client}`);
  const forbidden = forbiddenScopes(policy, scopes);
  if (forbidden.length > 0) throw refuse(`ask for the scope ${forbidden.join(' ')}`);
}
