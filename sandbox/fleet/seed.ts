/** Fills a fleet's database with what connects would have left there, quickly: thousands of users, some services. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { Secret } from '../../src/domain/secret.js';
import { readConfiguration } from '../../src/read-configuration.js';
import { JweSealer } from '../../src/sealing/jwe-sealer.js';
import { generateKey } from '../../src/services/service-key.js';
import { accessTokenPlace, refreshTokenPlace } from '../../src/token-store/places.js';
import { CLIENT_ID, type Fleet } from './fleet.js';

const YOUTUBE_ANALYTICS = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const ACCOUNT = '103400000000000000001';

/** @returns the key of a new service that may do everything */
export async function seedService(database: pg.Client): Promise<string> {
  const { id, key, hash } = generateKey();
  await database.query(
    `INSERT INTO services (id, name, key_hash, clients, scopes, users, audit, disconnect, revoke, "force", created_at)
     VALUES ($1, $2, $3, '{*}', '{*}', '{*}', true, true, true, true, now())`,
    [id, `seeded ${id}`, Buffer.from(hash)],
  );
  return key.reveal();
}

/**
 * Each user has a grant of their own and a refresh token that the stand-in knows.
 * @param secondsLeft how long their access tokens live still; 0 or less: they have none
 * @param scope the only one
 */
export async function seedGrants(
  fleet: Fleet,
  database: pg.Client,
  users: readonly string[],
  secondsLeft: number,
  scope = YOUTUBE_ANALYTICS,
): Promise<void> {
  const sealer = new JweSealer(readConfiguration(fleet.settings));
  const ids = users.map(() => randomUUID());
  const seal = (place: (id: string) => string, token: () => string) =>
    Promise.all(ids.map((id) => sealer.seal(new Secret(token()), place(id))));
  const refreshTokens = await seal(refreshTokenPlace, () =>
    fleet.google.control.issueRefreshToken(ACCOUNT, CLIENT_ID, [scope]),
  );
  await database.query(
    `INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
       sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
     SELECT id, user_id, 'default', $4, 'alice@example.com', ARRAY[$5], ARRAY[$5], 'active', sealed, now(), now(), now()
     FROM unnest($1::uuid[], $2::text[], $3::text[]) AS seeded (id, user_id, sealed)`,
    [ids, users, refreshTokens, ACCOUNT, scope],
  );
  if (secondsLeft <= 0) return;
  const accessTokens = await seal(
    (id) => accessTokenPlace(id, scope),
    () => `ya29.${'a'.repeat(160)}${randomUUID()}`,
  );
  await database.query(
    `INSERT INTO access_tokens (grant_id, scope_set, sealed_token, obtained_at, expires_at)
     SELECT id, $3, sealed, now() + ($4 - 3600) * interval '1 second', now() + $4 * interval '1 second' FROM unnest($1::uuid[], $2::text[]) AS seeded (id, sealed)`,
    [ids, accessTokens, scope, secondsLeft],
  );
}
