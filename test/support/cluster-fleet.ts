/**
 * Replicas on a cluster whose workers are reached through proxies, by the coordinator as by the replicas. Owns no fault: tests cut and
 * lose what they try.
 */
import pg from 'pg';
import { type Fleet, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { Api } from './api.js';
import { dropCopy, inEachForm, runSql, servers } from './cluster.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
import { asRuntime, createDatabase } from './test-bed.js';

const GOOGLE_TIMEOUT_MS = 25_000;
/**
 * That of a refresh. It must outlast what a test does while a worker is away (14 to 20 seconds on two busy cores): else another
 * replica asks Google with the former refresh token, which the stand-in has ended.
 */
export const LEASE_MS = 2 * GOOGLE_TIMEOUT_MS + 2000;

export interface ClusterFleet {
  readonly fleet: Fleet;
  /** Its name, at each server. */
  readonly database: string;
  /** In front of each worker, by the port of that. */
  readonly proxies: ReadonlyMap<number, TcpProxy>;
  api(replica: number): Api;
  rows(query: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Makes a grant for each of these users. @returns their ids */
  idsOf(users: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Of each user the port of the worker that has the rows. */
  workersOf(users: readonly string[]): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

export async function startClusterFleet(replicas: number): Promise<ClusterFleet> {
  const url = await createDatabase();
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  // That a commit is in doubt is known without what the coordinator only warns of.
  await database.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET client_min_messages = error`);
  const rows = (query: string, values?: unknown[]) => runSql(database, query, values);
  const proxies = new Map<number, TcpProxy>();
  for (const { port } of await rows('SELECT nodeport AS port FROM pg_dist_node WHERE groupid > 0 ORDER BY 1'))
    proxies.set(Number(port), await startTcpProxy(Number(port)));
  for (const server of servers ?? []) {
    const client = new pg.Client({ connectionString: new URL(new URL(url).pathname, server).href });
    await client.connect();
    for (const [port, proxy] of proxies)
      await client.query('UPDATE pg_dist_node SET nodeport = $1 WHERE nodeport = $2', [proxy.port, port]);
    await client.end();
  }
  const fleet = await startFleet(asRuntime(url), replicas, {
    BROWSER_RATE_LIMIT: '100000',
    GOOGLE_TIMEOUT_MS: String(GOOGLE_TIMEOUT_MS),
  });
  fleet.google.control.setSlotLimit(1_000_000);
  const key = await seedService(fleet, database);
  return {
    fleet,
    database: new URL(url).pathname.slice(1),
    proxies,
    rows,
    api: (replica) => new Api(fleet.replicas.at(replica)?.url ?? '', key),
    idsOf: async (users) => {
      await seedGrants(fleet, inEachForm(database), users, 0);
      const found = await rows('SELECT id, user_id FROM grants WHERE user_id = ANY ($1)', [users]);
      return new Map(found.map(({ id, user_id }) => [String(user_id), String(id)]));
    },
    workersOf: async (users) => {
      const found = await rows(
        `SELECT asked AS user, nodeport AS port FROM unnest($1::text[]) AS asked
           JOIN citus_shards ON shardid = get_shard_id_for_distribution_column('grants', asked)`,
        [users],
      );
      const ports = new Map([...proxies].map(([port, proxy]) => [proxy.port, port]));
      return new Map(found.map(({ user, port }) => [String(user), ports.get(Number(port)) ?? 0]));
    },
    stop: async () => {
      await fleet.stop();
      await database.end();
      for (const proxy of proxies.values()) await proxy.close();
      await dropCopy(url);
    },
  };
}
