/**
 * The session in which tables are distributed and migrations of distributed tables run: without limits of time, and no other client's. Owns no
 * statement of either (distribute.ts, distributed-migration.ts).
 */
import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { NO_LIMITS, prepareSession } from '../client/session.js';

/** The database cannot be distributed; the message says what is missing. */
export class NotDistributable extends Error {
  override readonly name = 'NotDistributable';
}

/** @throws {NotDistributable} behind a pooler that shares sessions: settings and locks of this one would be another client's */
export async function withOwnSession<T>(
  source: AddressSource,
  use: (client: DatabaseClient) => Promise<T>,
): Promise<T> {
  const client = new DatabaseClient({ source, application_name: 'token-broker migrate', keepAlive: true });
  await client.connect();
  try {
    await prepareSession(client, null, NO_LIMITS);
    if (client.isShared)
      throw new NotDistributable(
        'The address of the database leads to a pooler, and this needs a session of its own. ' +
          'Set DATABASE_DIRECT_URL to an address past it: docs/database.md.',
      );
    // Each shard has its triggers, which notify at its server.
    await client.query('SET search_path = public, pg_catalog; SET citus.enable_unsafe_triggers = on');
    return await use(client);
  } finally {
    await client.end();
  }
}
