import { allowedScopes, mayUseClient, maySeeUser, type Policy, RIGHTS, type Service } from './policy.js';

/** For whom a delegated credential stands, and how far. What it gives is never more than the policy of its service now. */
export interface Delegation {
  /** Of the credential. */
  readonly id: string;
  readonly userId: string;
  /** An alias; null: as in a request that names none. */
  readonly client: string | null;
  /** `sub` or email; null: the only account that the user has connected. */
  readonly account: string | null;
  /** Empty: all that the service may have. */
  readonly scopes: readonly string[];
}

export const CREDENTIAL_STATES = ['active', 'expired', 'revoked'] as const;

export type CredentialState = (typeof CREDENTIAL_STATES)[number];

export function credentialState(
  { revokedAt, expiresAt }: { readonly revokedAt: Date | null; readonly expiresAt: Date },
  now: Date,
): CredentialState {
  if (revokedAt) return 'revoked';
  return expiresAt <= now ? 'expired' : 'active';
}

/** The service as the holder of a delegated credential is it: for one user, without any right, and no wider than before. */
export function delegated(service: Service, { id, userId, client, scopes }: Delegation): Service {
  const { policy } = service;
  const clients = client === null ? policy.clients : mayUseClient(policy, client) ? [client] : [];
  const narrowed: Omit<Policy, (typeof RIGHTS)[number]> = {
    clients,
    scopes: scopes.length === 0 ? policy.scopes : allowedScopes(policy, scopes),
    users: maySeeUser(policy, userId) ? [ruleFor(userId)] : [],
  };
  const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
  return { ...service, policy: { ...narrowed, ...rights }, credentialId: id };
}

/** The rule of user-rule.ts that covers one user and no other. */
function ruleFor(userId: string): string {
  return userId.replaceAll(/[*\\]/g, String.raw`\$&`);
}
