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

/**
 * Each user has a grant of their own and a refresh token that the stand-in knows. The ledger has them as expired, so that
 * thousands do not fill the slots of their one account.
 * @param secondsLeft until their access tokens expire; 0 or less: they have none
 * @param scope one, or several in order with spaces between them
 * @param client its alias in the settings, and its id at Google
 * @returns the user of each refresh token
 */
export async function seedGrants(
  fleet: Seeded,
  database: { query(text: string, values: unknown[]): Promise<unknown> },
  users: readonly string[],
  secondsLeft: number,
  scope = YOUTUBE_ANALYTICS,
  client = { alias: 'default', id: CLIENT_ID },
): Promise<ReadonlyMap<string, string>> {
  const sealer = sealerOf(fleet);
  const now = new Date();
  const grants = users.map((userId) => newGrant(userId, scope, client.alias, now));
  const userOfToken = new Map<string, string>();
  const seeded = await Promise.all(
    grants.map(async (grant) => {
      const issued = fleet.google.control.issueRefreshToken(ACCOUNT.sub, client.id, scope.split(' '));
      userOfToken.set(issued, grant.userId);
      const token = new Secret(issued);
      const fingerprint = sealer.fingerprint(token, 'refresh-token');
      const ledger = [fingerprint, ACCOUNT.sub, grant.client, grant.id, VERSION];
      return {
        id: grant.id,
        user_id: grant.userId,
        sealed: await sealer.seal(token, credentialAad(grant, VERSION)),
        fingerprint: hex(fingerprint),
        mac: hex(sealer.mac(canonical(ledger), 'refresh_tokens')),
      };
    }),
  );
  const values = [JSON.stringify(seeded), ACCOUNT.sub, ACCOUNT.email, scope, now, VERSION, client.alias];
  await database.query(
    `WITH seeded AS (
       SELECT * FROM jsonb_to_recordset($1) AS one (id uuid, user_id text, sealed text, fingerprint text, mac text)),
     booked AS (
       INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
         version, sealed_refresh_token, credential_version, refresh_token_issued_at, created_at, consented_at)
       SELECT id, user_id, $7, $2, $3, string_to_array($4, ' '), string_to_array($4, ' '), 'active', $6::int, sealed, $6::int, $5, $5, $5 FROM seeded)
     INSERT INTO refresh_tokens (fingerprint, account_sub, client, grant_id, issued_at, expires_at, last_used_at, prefix_hash,
       sha512_hash, mac)
     SELECT decode(fingerprint, 'hex'), $2, $7, id, $5, $5, $5, '', '', decode(mac, 'hex') FROM seeded`,
    values,
  );
  if (secondsLeft <= 0) return userOfToken;
  const expiresAt = new Date(now.getTime() + secondsLeft * 1000);
  const obtainedAt = new Date(expiresAt.getTime() - 3600_000);
  const accessTokens = await Promise.all(
    grants.map((grant) =>
      sealer.seal(
        new Secret(`ya29.${'a'.repeat(179)}${randomUUID()}`),
        accessTokenAad(grant, VERSION, scope, { obtainedAt, expiresAt }),
      ),
    ),
  );
  await database.query(
    `INSERT INTO access_tokens (grant_id, scope_set, sealed_token, obtained_at, expires_at)
     SELECT id, $3, sealed, $4, $5 FROM unnest($1::uuid[], $2::text[]) AS seeded (id, sealed)`,
    [grants.map(({ id }) => id), accessTokens, scope, obtainedAt, expiresAt],
  );
  return userOfToken;
}

function newGrant(userId: string, scope: string, client: string, now: Date): Grant {
  return {
    id: randomUUID(),
    kind: 'user',
    userId,
    client,
    account: ACCOUNT,
    subject: null,
    requestedScopes: scope.split(' '),
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
