/** Users whose access tokens have expired, stored in a test bed as connects would have left them: each call must ask Google. */
import { seedGrants } from '../../sandbox/fleet/seed.js';
import { type TestBed, YOUTUBE } from './test-bed.js';

/** Who a refresh token was put there for. */
export const userOfToken = new Map<string, string>();

export async function coldUsers(
  bed: TestBed,
  prefix: string,
  count: number,
  client = 'default',
): Promise<string[]> {
  const users = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  bed.google.control.setSlotLimit(1_000_000);
  const database = { query: (text: string, values: unknown[]) => bed.sql(text, values) };
  const seeded = await seedGrants(bed, database, users, 0, YOUTUBE, { alias: client, id: client });
  for (const [token, user] of seeded) userOfToken.set(token, user);
  return users;
}
