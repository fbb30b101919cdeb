import { BrokerError } from '../errors.js';
import { addsOpenId, canonicalScope, scopeSet } from '../google/scopes.js';
import { coversUser } from './user-rule.js';

/**
 * What a service may do beyond tokens and links; each is off by default.
 * `audit`: read the audit trail of the users it covers. `disconnect`: delete a grant here. `revoke`: revoke it at Google,
 * which also ends grants of other users. `force`: let a connect end another user's grant. `import`: bring refresh tokens
 * that another system obtained.
 */
export const RIGHTS = ['audit', 'disconnect', 'revoke', 'force', 'import'] as const;

export type Right = (typeof RIGHTS)[number];

/** Which users, clients and scopes a service may use, and its rights. `*` in a list means any. */
export interface Policy extends Readonly<Record<Right, boolean>> {
  readonly clients: readonly string[];
  readonly scopes: readonly string[];
  /** Rules of user-rule.ts. */
  readonly users: readonly string[];
}

/** An authenticated internal caller. */
export interface Service {
  readonly id: string;
  readonly name: string;
  readonly policy: Policy;
  /** The delegated credential that it calls by, whose scopes the policy is narrowed to. */
  readonly credentialId?: string;
}

/** A policy by the names that its parts have in a file of declarations; the audit trail has them too. */
export interface PolicyDetails extends Pick<Policy, 'clients' | 'scopes' | 'users'> {
  readonly allow: readonly Right[];
}

export function policyDetails({ clients, scopes, users, ...rights }: Policy): PolicyDetails {
  return { clients, scopes, users, allow: RIGHTS.filter((right) => rights[right]) };
}

/** The inverse. */
export function policyOf({ clients, scopes, users, allow }: PolicyDetails): Policy {
  const rights = Object.fromEntries(RIGHTS.map((right) => [right, allow.includes(right)]));
  return { clients, scopes: scopeSet(scopes), users, ...(rights as Record<Right, boolean>) };
}

export function mayUseClient(policy: Policy, client: string): boolean {
  return policy.clients.includes('*') || policy.clients.includes(client);
}

export function maySeeUser(policy: Policy, userId: string): boolean {
  return coversUser(policy.users, userId);
}

/** Of the given scopes, those the policy does not allow. */
function forbiddenScopes(policy: Policy, scopes: readonly string[]): string[] {
  if (policy.scopes.includes('*')) return [];
  const allowed = new Set(policy.scopes.map(canonicalScope));
  if (addsOpenId(policy.scopes)) allowed.add('openid');
  return scopeSet(scopes).filter((scope) => !allowed.has(scope));
}

/** Of the given scopes, those the policy allows. */
export function allowedScopes(policy: Policy, scopes: readonly string[]): string[] {
  const forbidden = new Set(forbiddenScopes(policy, scopes));
  const allowed = scopeSet(scopes).filter((scope) => !forbidden.has(scope));
  // Where it is not in the policy by name, it comes beside `email` or `profile` only: by itself it is access to nothing.
  const isNamed = policy.scopes.some((scope) => scope === '*' || scope === 'openid');
  return isNamed || addsOpenId(allowed) ? allowed : allowed.filter((scope) => scope !== 'openid');
}

const RIGHT_NAMES: Readonly<Record<Right, string>> = {
  audit: 'read the audit trail',
  disconnect: 'disconnect grants',
  revoke: 'revoke grants at Google',
  force: "ask with force, which can end another user's grant",
  import: 'import grants',
};

/**
 * Rejects a call without the right. Depends on nothing but the policy, so it is checked first.
 * @throws {BrokerError} `not_allowed`
 */
export function assertMay({ name, policy }: Service, right: Right): void {
  if (policy[right]) return;
  throw new BrokerError(
    'not_allowed',
    `The service ${name} may not ${RIGHT_NAMES[right]}. Its policy lacks the right ${right}.`,
  );
}

/** @throws {BrokerError} `not_allowed` */
export function assertClient({ name, policy }: Service, client: string): void {
  if (!mayUseClient(policy, client)) {
    throw new BrokerError('not_allowed', `The service ${name} may not use the client ${client}.`);
  }
}

/** Whether a service may know that a grant of this user and client exists. */
export function maySeeGrant(policy: Policy, { userId, client }: { userId: string; client: string }): boolean {
  return maySeeUser(policy, userId) && mayUseClient(policy, client);
}

/**
 * Refuses what the policy does not allow.
 * @throws {BrokerError} `not_allowed`, naming what was too much
 */
export function assertAllowed(
  service: Service,
  userId: string,
  client: string,
  scopes: readonly string[],
): void {
  const { policy, name } = service;
  const refuse = (what: string) => new BrokerError('not_allowed', `The service ${name} may not ${what}.`);
  if (!maySeeUser(policy, userId)) throw refuse(`act for the user ${userId}`);
  assertClient(service, client);
  const forbidden = forbiddenScopes(policy, scopes);
  if (forbidden.length > 0) throw refuse(`ask for the scope ${forbidden.join(' ')}`);
}

/**
 * Refuses a token for a policy without a scope: that of a delegated credential whose service lost the credential's scopes.
 * @throws {BrokerError} `not_allowed`
 */
export function assertAnyScope({ name, policy, credentialId }: Service): void {
  if (policy.scopes.length > 0) return;
  const what = credentialId === undefined ? 'any scope' : `any scope of the credential ${credentialId}`;
  throw new BrokerError('not_allowed', `The service ${name} may not ask for ${what}.`);
}
