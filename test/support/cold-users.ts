/** Users whose access tokens are over, put into a world as connects would have left them there: each call must ask Google. */
import { randomUUID } from 'node:crypto';
import { Sealer } from '../../src/domain/ports/sealer.js';
import { Secret } from '../../src/domain/secret.js';
import { refreshTokenPlace } from '../../src/token-store/places.js';
import { ALICE, YOUTUBE, type World } from './world.js';

/** Who a refresh token was put there for. */
export const userOfToken = new Map<string, string>();

export async function coldUsers(
  world: World,
  prefix: string,
  count: number,
  client = 'default',
): Promise<string[]> {
  const users = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const ids = users.map(() => randomUUID());
  const { control } = world.google;
  control.setSlotLimit(1_000_000);
  const sealer = world.app.get(Sealer);
  const sealed = await Promise.all(
    ids.map((id, index) => {
      const token = control.issueRefreshToken(ALICE.sub, client, [YOUTUBE]);
      userOfToken.set(token, users[index] ?? '');
      return sealer.seal(new Secret(token), refreshTokenPlace(id));
    }),
  );
  await world.sql(
    `INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
       sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
     SELECT id, user_id, $6, $4, 'alice@example.com', ARRAY[$5], ARRAY[$5], 'active', sealed, now(), now(), now()
     FROM unnest($1::uuid[], $2::text[], $3::text[]) AS seeded (id, user_id, sealed)`,
    [ids, users, sealed, ALICE.sub, YOUTUBE, client],
  );
  return users;
}
