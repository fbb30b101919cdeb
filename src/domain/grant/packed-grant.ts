/**
 * Grants with their tokens as a process keeps them for a million users: one text for what differs from user to user, and one object for
 * what is the same for many. A Date takes 110 bytes, a list of three scopes 290. Owns no cache, and no rule of grants.
 */
import type { Secret } from '../secret.js';
import type { SharedValues } from '../cache-memory.js';
import type { GrantWithTokens } from './consent.js';
import type { AccessToken, Diagnosis, Grant } from './grant.js';

/** An access token, and when its refresh in the background begins. */
export interface CachedToken extends AccessToken {
  readonly refreshFrom: Date;
}

export interface CachedGrant extends GrantWithTokens {
  readonly tokens: ReadonlyMap<string, CachedToken>;
}

export interface PackedGrant {
  readonly id: string;
  readonly userId: string;
  readonly client: string;
  readonly requestedScopes: readonly string[];
  readonly grantedScopes: readonly string[];
  /** JSON of the rest. No secret is in it. */
  readonly text: string;
  readonly isIntact: boolean;
  readonly tokens: readonly PackedToken[];
}

/** Times in milliseconds since 1970. */
interface PackedToken {
  readonly key: string;
  readonly token: Secret;
  readonly scopes: readonly string[];
  readonly obtainedAt: number;
  readonly expiresAt: number;
  readonly refreshFrom: number;
  readonly replacesRefused: boolean;
}

type Rest = readonly [
  kind: Grant['kind'],
  sub: string,
  email: string | null,
  subject: string | null,
  status: Grant['status'],
  diagnosis: Diagnosis | null,
  version: number,
  refreshes: number,
  createdAt: number,
  consentedAt: number,
  refreshedAt: number | null,
  refreshTokenIssuedAt: number,
  refreshTokenExpiresAt: number | null,
  importedAt: number | null,
];

export function pack({ grant, tokens, isIntact }: CachedGrant, shared: SharedValues): PackedGrant {
  const { account } = grant;
  const rest: Rest = [
    grant.kind,
    account.sub,
    account.email,
    grant.subject,
    grant.status,
    grant.diagnosis,
    grant.version,
    grant.refreshes,
    grant.createdAt.getTime(),
    grant.consentedAt.getTime(),
    msOf(grant.refreshedAt),
    grant.refreshTokenIssuedAt.getTime(),
    msOf(grant.refreshTokenExpiresAt),
    msOf(grant.importedAt),
  ];
  return {
    id: grant.id,
    userId: grant.userId,
    client: shared.of(grant.client),
    requestedScopes: shared.of(grant.requestedScopes),
    grantedScopes: shared.of(grant.grantedScopes),
    text: JSON.stringify(rest),
    isIntact,
    tokens: [...tokens].map(([key, token]) => ({
      key: shared.of(key),
      token: token.token,
      scopes: shared.of(token.scopes),
      obtainedAt: token.obtainedAt.getTime(),
      expiresAt: token.expiresAt.getTime(),
      refreshFrom: token.refreshFrom.getTime(),
      replacesRefused: token.replacesRefused,
    })),
  };
}

export function unpack({ text, tokens, isIntact, ...same }: PackedGrant): CachedGrant {
  const [kind, sub, email, subject, status, diagnosis, version, refreshes, ...times] = JSON.parse(
    text,
  ) as Rest;
  const [createdAt, consentedAt, refreshedAt, issuedAt, expiresAt, importedAt] = times;
  const grant: Grant = {
    ...same,
    kind,
    account: { sub, email },
    subject,
    status,
    diagnosis,
    version,
    refreshes,
    createdAt: new Date(createdAt),
    consentedAt: new Date(consentedAt),
    refreshedAt: dateOf(refreshedAt),
    refreshTokenIssuedAt: new Date(issuedAt),
    refreshTokenExpiresAt: dateOf(expiresAt),
    importedAt: dateOf(importedAt),
  };
  return { grant, isIntact, tokens: new Map(tokens.map((token) => [token.key, unpackToken(token)])) };
}

function unpackToken({ token, scopes, replacesRefused, ...times }: PackedToken): CachedToken {
  return {
    token,
    scopes,
    replacesRefused,
    obtainedAt: new Date(times.obtainedAt),
    expiresAt: new Date(times.expiresAt),
    refreshFrom: new Date(times.refreshFrom),
  };
}

function msOf(date: Date | null): number | null {
  return date && date.getTime();
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
