/** Users whose access tokens are over, put into a world as connects would have left them there: each call must ask Google. */
import { seedGrants } from '../../sandbox/fleet/seed.js';
import { YOUTUBE, type World } from './world.js';

/** Who a refresh token was put there for. */
export const userOfToken = new Map<string, string>();

export async function coldUsers(
  world: World,
  prefix: string,
  count: number,
  client = 'default',
): Promise<string[]> {
  const users = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  world.google.control.setSlotLimit(1_000_000);
  const database = { query: (text: string, values: unknown[]) => world.sql(text, values) };
  const seeded = await seedGrants(world, database, users, 0, YOUTUBE, { alias: client, id: client });
  for (const [token, user] of seeded) userOfToken.set(token, user);
  return users;
}
