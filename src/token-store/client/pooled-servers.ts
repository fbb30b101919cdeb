import type { ClientBase } from 'pg';
import type { Clock } from '../../domain/ports/clock.js';
import { SERVER } from '../change-feed/change-listener.js';

/** An old connection that is at work lives a little longer than it may. */
const LAST_WORK_MS = 15_000;

interface Pooled {
  readonly server: string;
  readonly openedAt: number;
}

/** Which servers the pool's connections reach. After a failover that left the old primary running, these may be two. */
export class PooledServers {
  readonly #pooled = new Map<ClientBase, Pooled>();
  readonly #maxAgeMs: number;

  constructor(
    private readonly clock: Clock,
    lifetimeMs: number,
  ) {
    this.#maxAgeMs = lifetimeMs + LAST_WORK_MS;
  }

  /** Before the first use of a connection: so no row is read or written by a clock that is not the database's. */
  async admit(client: ClientBase): Promise<void> {
    const sentAt = performance.now();
    const { rows } = await client.query<{ databaseMs: number; server: string }>(
      `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "databaseMs", ${SERVER} AS server`,
    );
    const [row] = rows;
    if (!row) return;
    const openedAt = performance.now();
    this.clock.synchronise({ databaseMs: row.databaseMs, sentAt, receivedAt: openedAt });
    this.#pooled.set(client, { server: row.server, openedAt });
    client.once('end', () => this.#pooled.delete(client));
  }

  /** One that a silent network took never says that it ended; but it is not used beyond its lifetime. */
  areAll(server: string): boolean {
    const oldest = performance.now() - this.#maxAgeMs;
    for (const [client, pooled] of this.#pooled) {
      if (pooled.openedAt < oldest) this.#pooled.delete(client);
      else if (pooled.server !== server) return false;
    }
    return true;
  }
}
