/** Fills a fleet's database quickly as connects would have: thousands of users, some services. */
import type pg from 'pg';
import { randomUUID } from 'node:crypto';
import type { Grant } from '../../src/domain/grant/grant.js';
import { Secret } from '../../src/domain/secret.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { generateKey } from '../../src/services/service-key.js';
import { accessTokenAad, canonical, credentialAad } from '../../src/token-store/sealed/aad.js';
import { serviceMac, type SignedRow } from '../../src/token-store/services/service-mac.js';
import { CLIENT_ID, type Fleet } from './fleet.js';

const YOUTUBE_ANALYTICS = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const ACCOUNT = { sub: '103400000000000000001', email: 'alice@example.com' };
const VERSION = 1;
const DEFAULT = { alias: 'default', id: CLIENT_ID };

type Seeded = Pick<Fleet, 'settings' | 'google'>;

/** @returns the key of a new service that may do everything */
export async function seedService(fleet: Seeded, database: pg.Client): Promise<string> {
  const { id, key, hash } = generateKey();
  const { rows } = await database.query<Record<string, unknown>>(
    `INSERT INTO services (id, name, key_hash, clients, scopes, users, audit, disconnect, revoke, "force", created_at)
     VALUES ($1, $2, $3, '{*}', '{*}', '{*}', true, true, true, true, now()) RETURNING *`,
    [id, `seeded ${id}`, Buffer.from(hash)],
  );
  const columns = Object.entries(rows[0] ?? {}).map(([name, value]) => [camelCase(name), value]);
  const mac = serviceMac(sealerOf(fleet), Object.fromEntries(columns) as SignedRow);
  await database.query('UPDATE services SET mac = $1 WHERE id = $2', [Buffer.from(mac), id]);
  return key.reveal();
}

/** A grant of its own for each user, with a refresh token that the stand-in knows, as the broker would have sealed them. */
export interface SealedUser {
  readonly grant: Grant;
  /** As Google issued it. */
  readonly refreshToken: string;
  readonly sealedRefreshToken: string;
  readonly fingerprint: Uint8Array;
  /** Of the row in the ledger. */
  readonly mac: Uint8Array;
  readonly accessToken: SealedAccessToken;
}

interface SealedAccessToken {
  readonly sealed: string;
  readonly obtainedAt: Date;
  readonly expiresAt: Date;
}

export interface SealOptions {
  /** Until their access tokens expire; less than 0: they have expired. */
  readonly secondsLeft: number;
  /** What is granted: one scope, or several in order with spaces between them. */
  readonly scope?: string;
  /** What was asked for, where it is less than was granted. */
  readonly requested?: string;
  /** Its alias in the settings, and its id at Google. */
  readonly client?: { readonly alias: string; readonly id: string };
}

export async function sealUsers(
  fleet: Seeded,
  users: readonly string[],
  { secondsLeft, scope = YOUTUBE_ANALYTICS, requested = scope, client = DEFAULT }: SealOptions,
): Promise<SealedUser[]> {
  const sealer = sealerOf(fleet);
  const now = new Date();
  const expiresAt = new Date(now.getTime() + secondsLeft * 1000);
  const obtainedAt = new Date(expiresAt.getTime() - 3600_000);
  return Promise.all(
    users.map(async (userId) => {
      const grant = newGrant(userId, scope, requested, client.alias, now);
      const refreshToken = fleet.google.control.issueRefreshToken(ACCOUNT.sub, client.id, scope.split(' '));
      const secret = new Secret(refreshToken);
      const fingerprint = sealer.fingerprint(secret, 'refresh-token');
      const ledger = [fingerprint, ACCOUNT.sub, grant.client, grant.id, VERSION];
      const accessToken = new Secret(`ya29.${'a'.repeat(179)}${randomUUID()}`);
      const aad = accessTokenAad(grant, VERSION, scope, { obtainedAt, expiresAt });
      return {
        grant,
        refreshToken,
        sealedRefreshToken: await sealer.seal(secret, credentialAad(grant, VERSION)),
        fingerprint,
        mac: sealer.mac(canonical(ledger), 'refresh_tokens'),
        accessToken: { sealed: await sealer.seal(accessToken, aad), obtainedAt, expiresAt },
      };
    }),
  );
}

/**
 * The ledger has their tokens as expired, so that thousands do not fill the slots of their one account.
 * @param secondsLeft until their access tokens expire; 0 or less: they have none
 * @returns the user of each refresh token
 */
export async function seedGrants(
  fleet: Seeded,
  database: { query(text: string, values: unknown[]): Promise<unknown> },
  users: readonly string[],
  secondsLeft: number,
  scope = YOUTUBE_ANALYTICS,
  client = DEFAULT,
): Promise<ReadonlyMap<string, string>> {
  const sealed = await sealUsers(fleet, users, { secondsLeft, scope, client });
  const now = sealed[0]?.grant.createdAt ?? new Date();
  const rows = JSON.stringify(
    sealed.map(({ grant, sealedRefreshToken, fingerprint, mac }) => ({
      id: grant.id,
      user_id: grant.userId,
      sealed: sealedRefreshToken,
      fingerprint: hex(fingerprint),
      mac: hex(mac),
    })),
  );
  const from = `FROM jsonb_to_recordset($1) AS one (id uuid, user_id text, sealed text, fingerprint text, mac text)`;
  await database.query(
    `INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
       version, sealed_refresh_token, credential_version, refresh_token_issued_at, created_at, consented_at)
     SELECT id, user_id, $7, $2, $3, string_to_array($4, ' '), string_to_array($4, ' '), 'active', $6::int, sealed, $6::int, $5, $5, $5 ${from}`,
    [rows, ACCOUNT.sub, ACCOUNT.email, scope, now, VERSION, client.alias],
  );
  await database.query(
    `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, expires_at, last_used_at,
       prefix_hash, sha512_hash, mac)
     SELECT user_id, print, $2, $4, id, $3, $3, $3, sha256(print || 'p'), sha256(print || 's'), decode(mac, 'hex')
     ${from} CROSS JOIN LATERAL decode(fingerprint, 'hex') AS print`,
    [rows, ACCOUNT.sub, now, client.alias],
  );
  if (secondsLeft > 0) {
    const tokens = sealed.map(({ grant, accessToken }) => ({
      user_id: grant.userId,
      grant_id: grant.id,
      scope_set: scope,
      sealed_token: accessToken.sealed,
      obtained_at: accessToken.obtainedAt,
      expires_at: accessToken.expiresAt,
    }));
    await database.query(
      `INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
       SELECT user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at FROM jsonb_populate_recordset(NULL::access_tokens, $1)`,
      [JSON.stringify(tokens)],
    );
  }
  return new Map(sealed.map(({ grant, refreshToken }) => [refreshToken, grant.userId]));
}

function newGrant(userId: string, scope: string, requested: string, client: string, now: Date): Grant {
  return {
    id: randomUUID(),
    kind: 'user',
    userId,
    client,
    account: ACCOUNT,
    subject: null,
    requestedScopes: requested.split(' '),
    grantedScopes: scope.split(' '),
    status: 'active',
    diagnosis: null,
    version: VERSION,
    refreshes: 0,
    createdAt: now,
    consentedAt: now,
    refreshedAt: null,
    refreshTokenIssuedAt: now,
    refreshTokenExpiresAt: null,
    importedAt: null,
  };
}

function sealerOf(fleet: Seeded): Sealer {
  return new Sealer(readConfiguration(fleet.settings));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
