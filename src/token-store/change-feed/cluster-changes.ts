import type { Logger } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import type { DatabaseHealth } from '../client/database-health.js';
import type { Database } from '../client/database.js';
import type { ListenedWorker } from '../client/worker-pools.js';
import { HASH_PROBES, READ_USER_SHARDS, UserShards, type UserShardsRow } from '../distributed/user-shards.js';
import type { ChangeHeartbeats } from './change-heartbeats.js';
import type { Change, ChangeListener } from './change-listener.js';
import type { ChangesFault } from './feed-freshness.js';
import { ShardTriggers } from './required-triggers.js';
import { ServerChanges } from './server-changes.js';

interface ClusterNode {
  readonly host: string;
  readonly port: number;
  /** A value whose rows are at this server: heartbeats are written there. */
  readonly place: string;
}

/** Where each shard is: it differs after each move, also of one that came back, and when a server comes, goes or lags. */
const SHARDS = `
  SELECT string_agg(shardid || ' ' || groupid || ' ' || placementid, ',' ORDER BY placementid) || (
    SELECT string_agg(concat_ws(' ', nodename, nodeport, isactive, metadatasynced), ',' ORDER BY nodeid)
    FROM pg_dist_node WHERE noderole = 'primary') AS shards
  FROM pg_dist_placement`;

/**
 * Those with grants, of which tables without a user are no part. The coordinator is not among them: change-feed.ts listens there. A place is null
 * where a server has a few users alone: no heartbeat can be written there, and the log names it.
 */
const SERVERS = `
  SELECT nodename AS host, nodeport AS port, min(place) AS place
  FROM pg_dist_node JOIN pg_dist_placement USING (groupid) JOIN pg_dist_shard USING (shardid) LEFT JOIN (
    SELECT n::text AS place, get_shard_id_for_distribution_column('distributed_heartbeats', n::text) AS shardid
    FROM generate_series(1, 20000) AS n) AS places USING (shardid)
  WHERE noderole = 'primary' AND groupid <> 0 AND logicalrelid = 'distributed_heartbeats'::regclass GROUP BY nodename, nodeport`;

/** How long the list of servers is valid: changes at a server that was added meanwhile may be missed. */
const KNOWN_MS = 1500;

/**
 * The changes of every server over which the tables are distributed: a change of a grant notifies at the server that has the row. Servers
 * are found from the cluster's own tables, twice a second: one that is new is listened to before anything is answered from memory
 * again. Where one server alone has all tables, there is nothing to do.
 */
export class ClusterChanges {
  readonly #servers = new Map<string, ServerChanges>();
  #shards: string | null = null;
  #knownAt = 0;
  #isFollowing = false;
  #isStopped = false;

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
    private readonly database: Database,
    private readonly health: DatabaseHealth,
    private readonly heartbeats: ChangeHeartbeats,
    private readonly publish: (change: Change) => void,
  ) {}

  get servers(): readonly ServerChanges[] {
    return [...this.#servers.values()];
  }

  get isValid(): boolean {
    if (!this.database.isDistributed()) return true;
    if (!this.#isKnown()) return false;
    for (const { freshness } of this.#servers.values()) if (!freshness.isValid) return false;
    return true;
  }

  get fault(): ChangesFault | null {
    if (!this.database.isDistributed()) return null;
    if (!this.#isKnown()) return { reason: 'not_listening', seen: {} };
    for (const { freshness } of this.#servers.values()) if (freshness.fault) return freshness.fault;
    return null;
  }

  isValidSince(readAt: number): boolean {
    if (!this.database.isDistributed()) return true;
    if (!this.#isKnown()) return false;
    for (const { freshness } of this.#servers.values()) if (!freshness.isValidSince(readAt)) return false;
    return true;
  }

  tick(): void {
    if (!this.database.isDistributed()) return;
    void this.follow();
    for (const server of this.#servers.values()) server.tick();
  }

  /** Finds the servers as they are now, and listens at those that are new. */
  async follow(): Promise<void> {
    if (!this.database.isDistributed() || this.#isFollowing || this.#isStopped) return;
    this.#isFollowing = true;
    const askedAt = performance.now();
    try {
      const [found] = await this.database.informing<{ shards: string }>(SHARDS);
      if (found && found.shards !== this.#shards) {
        await this.#update(await this.database.informing<ClusterNode>(SERVERS), await this.#readUserShards());
        this.#shards = found.shards;
      }
      this.#knownAt = askedAt;
    } catch (error) {
      // The coordinator is away, or its tables cannot be read: KNOWN_MS later nothing is answered from memory.
      if (!this.health.isOutage(error))
        this.log.warn({ err: error }, 'the servers of the cluster cannot be read');
    } finally {
      this.#isFollowing = false;
    }
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.servers.map((server) => server.close()));
  }

  #isKnown(): boolean {
    return performance.now() - this.#knownAt < KNOWN_MS + this.settings.cacheWithoutDatabaseMs;
  }

  /** A heartbeat is written where its shard is: after a move of that, the server is listened to again with another. */
  async #update(found: readonly ClusterNode[], shards: UserShards): Promise<void> {
    const wanted = new Map(found.map((server) => [keyOf(server), server]));
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue;
      this.#servers.delete(key);
      void server.close();
    }
    const added: ServerChanges[] = [];
    for (const [key, server] of wanted) {
      if (this.#servers.has(key)) continue;
      const changes = this.#listenTo(server);
      this.#servers.set(key, changes);
      added.push(changes);
    }
    this.database.workers.update(shards, this.#workers(found));
    // A worker may have answered from rows that had just moved away.
    this.publish({ kind: 'everything' });
    // Before its first heartbeat nothing is answered from memory.
    await Promise.all(added.map((changes) => changes.open()));
  }

  async #readUserShards(): Promise<UserShards> {
    const [row] = await this.database.informing<UserShardsRow>(READ_USER_SHARDS, [HASH_PROBES]);
    const shards = row ? UserShards.of(row) : null;
    if (!shards)
      this.log.warn(
        'the database hashes user ids in a way that is not known: their statements go through the coordinator',
      );
    return shards ?? UserShards.NONE;
  }

  /** Those that may be asked directly, while it is known where rows are and their changes are received. */
  #workers(found: readonly ClusterNode[]): ReadonlyMap<string, ListenedWorker> {
    return new Map(
      found.map(({ host, port, place }) => {
        const changes = this.#servers.get(keyOf({ host, port, place }));
        const run = () => (performance.now() - this.#knownAt < KNOWN_MS ? (changes?.run ?? null) : null);
        return [`${host}:${port}`, { host, port, run }];
      }),
    );
  }

  #listenTo({ host, port, place }: ClusterNode): ServerChanges {
    const triggers = new ShardTriggers();
    const events = {
      publish: this.publish,
      send: async (id: string, listener: ChangeListener | null) => {
        const sent = await this.heartbeats.sendTo(place, id);
        return { ...sent, fault: await triggers.fault(listener) };
      },
      // The row is written where the shard is; that it came back from there is what it says.
      contradiction: () => null,
      opened: () => this.heartbeats.pruneAt(place),
    };
    return new ServerChanges(this.settings, this.log, this.health, events, { host, port });
  }
}

function keyOf({ host, port, place }: ClusterNode): string {
  return `${host}:${port} ${place}`;
}
