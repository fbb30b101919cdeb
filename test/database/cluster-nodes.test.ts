/**
 * A server that comes to a cluster and goes, under load, and shards whose triggers do not fire: what was disconnected there is not
 * served. Run by `npm run test:citus`.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { createDistributedDatabase } from '../../sandbox/trial/citus.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { Api } from '../support/api.js';
import { inEachForm, isCluster, servers } from '../support/cluster.js';
import { until } from '../support/until.js';

/** What docs/citus.md promises, and as much again for a busy machine. */
const NOTICED_MS = 2000;
const CHECKED_MS = 2000;
const SLACK_MS = 2000;
const UP = { status: 'up' };

(isCluster ? describe : describe.skip)('a cluster to which a server comes', () => {
  const [coordinator = '', worker = '', added = ''] = servers ?? [];
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const users = Array.from({ length: 40 }, (_, user) => `user-${user}`);
  let database: pg.Client;
  /** At the server that comes. */
  let there: pg.Client;
  let fleet: Fleet;
  let apis: readonly Api[];

  beforeAll(async () => {
    await createDistributedDatabase([coordinator, worker], name);
    await createDistributedDatabase([added], name);
    database = await connect(coordinator);
    there = await connect(added);
    await there.query('CREATE EXTENSION citus; SET citus.enable_ddl_propagation = off');
    await migrate(`${coordinator}${name}`, 'prisma/migrations', { distribute: true });
    fleet = await startFleet(`${coordinator}${name}`, 2);
    const key = await seedService(fleet, database);
    apis = fleet.replicas.map(({ url }) => new Api(url, key));
    await seedGrants(fleet, inEachForm(database), users, 3000);
  }, 120_000);
  afterAll(async () => {
    await fleet.stop();
    await there.end();
    await database.end();
  });

  const connect = async (server: string) => {
    const client = new pg.Client({ connectionString: `${server}${name}` });
    await client.connect();
    return client;
  };
  const place = (server: string) => {
    const { hostname, port } = new URL(server);
    return `'${hostname}', ${port || 5432}`;
  };
  const shardOf = async (user: string) => {
    const { rows } = await database.query<{ shard: string; tokens: string; port: number }>(
      `SELECT grants.shardid AS shard, tokens.shardid AS tokens, nodeport AS port
       FROM citus_shards AS grants JOIN pg_dist_shard AS own USING (shardid)
         JOIN pg_dist_shard AS tokens ON tokens.shardminvalue = own.shardminvalue AND tokens.logicalrelid = 'access_tokens'::regclass
       WHERE grants.shardid = get_shard_id_for_distribution_column('grants', $1::text)`,
      [user],
    );
    return rows[0] ?? { shard: '', tokens: '', port: 0 };
  };
  const isAt = async (user: string, server: string) =>
    (await shardOf(user)).port === Number(new URL(server).port);
  const move = async (user: string, from: string, to: string) => {
    const { shard } = await shardOf(user);
    await database.query(
      `SELECT citus_move_shard_placement(${shard}, ${place(from)}, ${place(to)}, 'block_writes')`,
    );
  };
  const statuses = (user: string) => Promise.all(apis.map(async (api) => (await api.token(user)).status));
  const isAnswered = async (user: string, status: number) =>
    (await statuses(user)).every((each) => each === status);
  const changes = () =>
    Promise.all(
      fleet.replicas.map(async ({ url }) => {
        const ready = (await (await fetch(`${url}/health/ready`)).json()) as {
          details: { changes: unknown };
        };
        return ready.details.changes;
      }),
    );
  const untilChanges = async (expected: object) => {
    await until(
      async () => JSON.stringify(await changes()) === JSON.stringify(apis.map(() => expected)),
      10_000,
    );
  };
  const listeners = async () =>
    (
      await there.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'token-broker changes' AND datname = current_database()`,
      )
    ).rowCount;
  /** A user of the server that came, whose token each replica has in memory. */
  const warmUser = async () => {
    for (const user of users) {
      if (!(await isAt(user, added)) || (await statuses(user)).some((status) => status !== 200)) continue;
      await untilChanges(UP);
      expect(await statuses(user)).toEqual([200, 200]);
      return user;
    }
    throw new Error('No user is left at the server that came.');
  };
  const disconnectThere = (user: string) => there.query('DELETE FROM grants WHERE user_id = $1', [user]);

  test('moves rows to it under load, and serves no user who is disconnected there', async () => {
    const load = { isOver: false, statuses: new Set<number>() };
    const [moved = '', ...others] = users;
    const call = async () => {
      for (let at = 0; !load.isOver; at++)
        for (const status of await statuses(others[at % others.length] ?? '')) load.statuses.add(status);
    };
    const calls = [call(), call()];
    expect(await listeners()).toBe(0);
    await database.query(`SELECT citus_add_node(${place(added)})`);
    for (const user of [moved, ...users.slice(-8)])
      if (await isAt(user, worker)) await move(user, worker, added);
    await until(async () => (await listeners()) === apis.length);
    load.isOver = true;
    await Promise.all(calls);
    expect([...load.statuses]).toEqual([200]);
    await untilChanges(UP);
    expect(await isAt(moved, added)).toBe(true);
    expect(await statuses(moved)).toEqual([200, 200]);
    await disconnectThere(moved);
    await until(() => isAnswered(moved, 404), NOTICED_MS + SLACK_MS);
  }, 180_000);

  test.each([
    [
      'of a shard of grants is disabled',
      'ALTER TABLE grants_$ DISABLE TRIGGER grant_came_or_went_$',
      'ALTER TABLE grants_$ ENABLE ALWAYS TRIGGER grant_came_or_went_$',
    ],
    ['of a shard of grants is dropped', 'DROP TRIGGER grant_changed_$ ON grants_$', null],
    [
      'of a shard of tokens is disabled',
      'ALTER TABLE access_tokens_# DISABLE TRIGGER access_tokens_emptied_#',
      'ALTER TABLE access_tokens_# ENABLE ALWAYS TRIGGER access_tokens_emptied_#',
    ],
  ])(
    'trusts no memory where a trigger %s there, until the shard has its triggers again',
    async (_, fault, repair) => {
      const user = await warmUser();
      const { shard, tokens } = await shardOf(user);
      const ofShard = (sql: string) => sql.replaceAll('$', shard).replaceAll('#', tokens);
      await there.query(ofShard(fault));
      await disconnectThere(user);
      await until(() => isAnswered(user, 404), CHECKED_MS + NOTICED_MS + SLACK_MS);
      await untilChanges({ status: 'down', reason: 'triggers_missing' });
      const named = fault.includes('#') ? `access_tokens_${tokens}.` : `grants_${shard}.`;
      await until(() => fleet.replicas.every((replica) => replica.log().includes(named)));
      for (const { url } of fleet.replicas)
        expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^token_broker_change_feed_up 0$/m);
      if (repair === null) {
        // A shard that moves is made with its triggers.
        await move(user, added, worker);
        await untilChanges(UP);
        await move(user, worker, added);
      } else await there.query(ofShard(repair));
      await untilChanges(UP);
    },
    60_000,
  );

  test('has no part of it left to listen to once it is removed', async () => {
    const user = await warmUser();
    await database.query(`SELECT citus_drain_node(${place(added)}, 'block_writes')`);
    await database.query('CALL citus_cleanup_orphaned_resources()');
    await database.query(`SELECT citus_remove_node(${place(added)})`);
    await until(async () => (await listeners()) === 0);
    await untilChanges(UP);
    expect(await statuses(user)).toEqual([200, 200]);
    await database.query('DELETE FROM grants WHERE user_id = $1', [user]);
    await until(() => isAnswered(user, 404), NOTICED_MS + SLACK_MS);
    expect(await changes()).toEqual([UP, UP]);
  }, 120_000);
});
