import { commonScopes, SIGN_IN_SCOPES } from '../../domain/google/scopes.js';
import { REVOKING } from '../../domain/grant/diagnosis.js';
import type { Diagnosis, Grant, StoredStatus } from '../../domain/grant/grant.js';
import { type Grant as Row, Prisma } from '../prisma-client/client.js';
import type { SealedGrant } from '../sealed/aad.js';

/** Columns that no other module sees. */
type Inner =
  | 'sealedRefreshToken'
  | 'sealedKey'
  | 'credentialVersion'
  | 'suspendedAt'
  | 'revokingFrom'
  | 'expiryNotifiedAt'
  | 'expiresAt'
  | 'expiresAtInTesting'
  | 'leaseOwner'
  | 'leaseExpiresAt'
  | 'leaseAwaited'
  | 'refreshFailures';

/** An access token as the cold read returns it; times in milliseconds since 1970. */
export interface TokenRow {
  readonly scope_set: string;
  readonly sealed_token: string;
  readonly obtained_ms: number;
  readonly expires_ms: number;
  readonly replaces_refused: boolean;
}

export type GrantWithTokensRow = Row & {
  readonly credential: string | null;
  readonly tokens: readonly TokenRow[] | null;
};

/** A column with a CHECK, which Prisma does not know. */
export function statusOf(column: string): StoredStatus {
  return column as StoredStatus;
}

export function fromRow(row: Omit<Row, Inner>): Grant {
  return {
    id: row.id,
    kind: row.kind as Grant['kind'],
    userId: row.userId,
    client: row.client,
    account: { sub: row.accountSub, email: row.accountEmail },
    subject: row.subject,
    requestedScopes: row.requestedScopes,
    grantedScopes: requested(row),
    status: row.revocationId === null ? statusOf(row.status) : 'revoking',
    diagnosis: row.revocationId === null ? (row.diagnosis as Diagnosis | null) : REVOKING,
    version: row.version,
    refreshes: row.refreshes,
    createdAt: row.createdAt,
    consentedAt: row.consentedAt,
    refreshedAt: row.refreshedAt,
    refreshTokenIssuedAt: row.refreshTokenIssuedAt,
    refreshTokenExpiresAt: row.refreshTokenExpiresAt,
    importedAt: row.importedAt,
  };
}

/** The grant as its credential is sealed. */
export function sealedFrom(row: Omit<Row, Exclude<Inner, 'revokingFrom'>>): SealedGrant {
  return { ...fromRow(row), revokingFrom: row.revokingFrom };
}

/**
 * A grant of a user holds nothing that was never requested: earlier versions stored every scope that Google answered
 * (docs/decisions/0014).
 */
function requested({
  kind,
  grantedScopes,
  requestedScopes,
}: Pick<Row, 'kind' | 'grantedScopes' | 'requestedScopes'>) {
  if (kind !== 'user') return grantedScopes;
  return commonScopes(grantedScopes, [...requestedScopes, ...SIGN_IN_SCOPES]);
}

/** No lease, no backoff. */
export const NO_LEASE = { leaseOwner: null, leaseExpiresAt: null, leaseAwaited: false, refreshFailures: 0 };

/** Not marked by a revocation. */
export const NOT_REVOKING = { revocationId: null, revokingFrom: null };

/** An account's email as src/domain/grant/grant.ts compares it: equal except for the case of ASCII letters, and no pattern. */
export function hasEmail(email: string): Prisma.Sql {
  return Prisma.sql`lower(account_email COLLATE "C") = lower(${email}::text COLLATE "C")`;
}

/** @param clients aliases as a policy names them; `*` means any */
export function clientFilter(clients: readonly string[]): Prisma.Sql {
  return clients.includes('*') ? Prisma.sql`TRUE` : Prisma.sql`client = ANY(${[...clients]}::text[])`;
}
