import type { Grant } from '../../domain/grant/grant.js';

/** A grant as its credential is sealed. */
export type SealedGrant = Grant & {
  /** The status before the revocation under way, where there is one. */
  readonly revokingFrom?: string | null;
};

/*
 * The AAD (associated data) of each sealed value: its column, its row, and every column of the row that decides who gets the secret. A
 * row that was not changed by the broker does not open. Changing one of these functions locks old rows out.
 */

/** All columns of a connect ticket but the sealed one itself. */
export function connectTicketAad(ticket: object): string {
  return canonical(['connect_tickets.sealed_request', ticket]);
}

/** All columns of an authorization request but the verifier and `consumed_at`. */
export function verifierAad(request: object): string {
  return canonical(['authorization_requests.sealed_verifier', request]);
}

/**
 * Of a refresh token or a service account's key: its owner, what was granted, and the version of the seal. Without columns that
 * change without a reseal: `version`, the lease, the diagnosis.
 */
export function credentialAad(grant: SealedGrant, version: number): string {
  const column = grant.kind === 'user' ? 'grants.sealed_refresh_token' : 'grants.sealed_key';
  return listed([
    column,
    ...identity(grant),
    version,
    state(grant),
    grant.account.email,
    grant.requestedScopes,
    grant.grantedScopes,
    grant.consentedAt,
    grant.refreshTokenIssuedAt,
    grant.refreshTokenExpiresAt,
  ]);
}

/**
 * The token of a grant that is suspended or being revoked is kept, and must not open when the row is set to active in the
 * database.
 */
function state({ status, revokingFrom = null }: SealedGrant) {
  return status === 'revoking' || revokingFrom !== null ? [status, revokingFrom] : status === 'suspended';
}

/**
 * Bound to the version of the credential that it was fetched with: each reseal of that invalidates former access tokens. Not
 * to the version of the grant, which also changes without a reseal.
 */
export function accessTokenAad(
  grant: Grant,
  credentialVersion: number,
  scopeSetKey: string,
  { obtainedAt, expiresAt }: { readonly obtainedAt: Date; readonly expiresAt: Date },
): string {
  return listed([
    'access_tokens.sealed_token',
    ...identity(grant),
    credentialVersion,
    scopeSetKey,
    obtainedAt,
    expiresAt,
  ]);
}

export function pendingConsentAad(consent: {
  readonly codeHash: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}): string {
  return canonical(['pending_consents.sealed_consent', consent]);
}

/** The digest of its code is inside. The time of the next attempt and the number of attempts change without a new seal. */
export function pendingExchangeAad({
  id,
  createdAt,
  expiresAt,
}: {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}): string {
  return listed(['pending_exchanges.sealed_exchange', id, createdAt, expiresAt]);
}

/** The columns that say whose grants end; attempts and outcome change without a new seal. */
export function revocationTokenAad(revocation: {
  readonly id: string;
  readonly grantId: string;
  readonly consentedAt: Date;
  readonly accountSub: string;
  readonly clients: readonly string[];
}): string {
  const { id, grantId, consentedAt, accountSub, clients } = revocation;
  return listed(['revocations.sealed_token', id, grantId, consentedAt, accountSub, clients]);
}

/** All columns of a webhook but the sealed one and `failing_since`. */
export function webhookAad(webhook: object): string {
  return canonical(['webhooks.sealed_secrets', webhook]);
}

function identity({ id, kind, userId, client, account, subject }: Grant) {
  return [id, kind, userId, client, account.sub, subject];
}

/**
 * Canonical JSON for AADs and MACs: sorted members, without those that are absent, null, false or an empty list, so that a
 * column added later with such a default does not change the text of older rows.
 */
export function canonical(value: unknown): string {
  return JSON.stringify(normalized(value));
}

type Listed = string | number | boolean | Date | null | undefined | readonly Listed[];

/** The same text as `canonical` for what has no objects, in half the time: each read of a grant needs it twice. */
function listed(values: readonly Listed[]): string {
  return JSON.stringify(values);
}

function normalized(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => !isAbsent(member));
  return Object.fromEntries(
    members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, normalized(member)]),
  );
}

function isAbsent(member: unknown): boolean {
  return member == null || member === false || (Array.isArray(member) && member.length === 0);
}
