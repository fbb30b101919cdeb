/**
 * What a refresh over PostgreSQL costs at least: node:http, a key check like the broker's, the three statements that it cannot do
 * without (read, lease, save), one request to Google, a decryption and an encryption. No policy, no limits, no integrity checks but
 * AES-GCM's, no choice between grants, no cache, no audit, no other replica that waits.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Agent, request } from 'undici';
import { decrypt, encrypt, parseJwe } from '../../src/sealing/compact-jwe.js';
import { readKeyRing } from '../../src/sealing/key-ring.js';

const { DATABASE_URL = '', KEY_RING_FILE = '', KEY = '', TOKEN_ENDPOINT = '', CLIENT = '{}' } = process.env;
const client = JSON.parse(CLIENT) as Record<'client_id' | 'client_secret', string>;
const KEY_FORM = /^Bearer tbk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const digest = (text: string) => createHash('sha256').update(text).digest();
const [, id = '', secret = ''] = KEY_FORM.exec(`Bearer ${KEY}`) ?? [];
const hashes = new Map([[id, digest(secret)]]);
const { sealingKeys } = readKeyRing(KEY_RING_FILE);
const database = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
const google = new Agent();

/** Each is prepared once a connection, by its name. */
const READ = {
  name: 'read',
  text: `SELECT grants.id, version, refreshes, granted_scopes, token.sealed_token, token.expires_at FROM grants
      LEFT JOIN access_tokens AS token ON token.user_id = grants.user_id AND token.grant_id = grants.id
    WHERE grants.user_id = $1 AND client = $2 AND status = 'active'`,
};
const WITHOUT_WAITING_FOR_DISK = `set_config('synchronous_commit', 'off', true) IS NOT NULL`;
const LEASE = {
  name: 'lease',
  text: `UPDATE grants SET lease_owner = $3, lease_expires_at = clock_timestamp() + interval '10 seconds'
    WHERE user_id = $1 AND id = $2 AND version = $4 AND (lease_expires_at IS NULL OR lease_expires_at <= clock_timestamp())
      AND ${WITHOUT_WAITING_FOR_DISK}
    RETURNING sealed_refresh_token`,
};
const SAVE = {
  name: 'save',
  text: `WITH refreshed AS (
      UPDATE grants SET refreshes = refreshes + 1, lease_owner = NULL, lease_expires_at = NULL
      WHERE user_id = $1 AND id = $2 AND version = $4 AND lease_owner = $3 AND ${WITHOUT_WAITING_FOR_DISK}
      RETURNING user_id, id)
    INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
    SELECT user_id, id, $5, $6, now(), now() + interval '1 hour' FROM refreshed
    ON CONFLICT (user_id, grant_id, scope_set) DO UPDATE SET sealed_token = excluded.sealed_token, expires_at = excluded.expires_at`,
};

interface Row {
  readonly id: string;
  readonly version: number;
  readonly granted_scopes: readonly string[];
}

async function refresh(userId: string): Promise<string> {
  const { rows } = await database.query<Row>({ ...READ, values: [userId, 'default'] });
  const [grant] = rows;
  if (!grant) throw new Error('There is no such grant.');
  const lease = [userId, grant.id, randomUUID(), grant.version];
  const taken = await database.query<{ sealed_refresh_token: string }>({ ...LEASE, values: lease });
  const jwe = parseJwe(taken.rows[0]?.sealed_refresh_token ?? '');
  const key = jwe && sealingKeys.get(jwe.kid);
  if (!key) throw new Error('The lease was not taken.');
  const form = { grant_type: 'refresh_token', refresh_token: decrypt(jwe, key), ...client };
  const { body } = await request(TOKEN_ENDPOINT, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    dispatcher: google,
  });
  const token = (await body.json()) as { access_token: string; expires_in: number };
  const sealed = encrypt(token.access_token, { kid: jwe.kid, aad: '' }, key);
  const scopes = grant.granted_scopes;
  await database.query({ ...SAVE, values: [...lease, scopes.join(' '), sealed] });
  const { access_token, expires_in } = token;
  return JSON.stringify({ access_token, expires_in, token_type: 'Bearer', scopes });
}

const server = createServer((call, response) => {
  const [, asked = '', presented = ''] = KEY_FORM.exec(call.headers.authorization ?? '') ?? [];
  const hash = hashes.get(asked);
  const isKnown = hash !== undefined && timingSafeEqual(hash, digest(presented));
  const body = isKnown ? refresh(call.url?.slice('/tokens/'.length) ?? '') : Promise.reject(new Error());
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  body.then(
    (text) => response.writeHead(200, headers).end(text),
    (error: unknown) => response.writeHead(500, headers).end(JSON.stringify({ error: String(error) })),
  );
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
