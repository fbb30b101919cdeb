/** Replicas that are not notified of changes, each for another reason: what was disconnected elsewhere is not served. */
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { startPostgres } from '../../sandbox/trial/postgres.js';
import { ChangeFeed } from '../../src/token-store/change-feed/change-feed.js';
import { GrantsRepository } from '../../src/token-store/grants/grants.repository.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { ServicesRepository } from '../../src/token-store/services/services.repository.js';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { startStandby } from '../support/standby.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { ALICE, createDatabase, startTestBed, YOUTUBE } from '../support/test-bed.js';

/** What docs/decisions/0011-memory-and-leases.md promises, and as much again for a busy machine. */
const NOTICED_MS = 2000;
const SLACK_MS = 2000;
const LIFETIME_SECONDS = 2;

class Replicas {
  private constructor(
    readonly fleet: Fleet,
    readonly database: pg.Client,
    readonly key: string,
  ) {}

  /** @param url how the replicas reach the database; @param direct how the test does */
  static async start(
    direct: string,
    url: string,
    { size = 2, settings = {} }: { size?: number; settings?: Record<string, string> } = {},
  ): Promise<Replicas> {
    const database = new pg.Client({ connectionString: direct });
    database.on('error', () => undefined);
    await database.connect();
    const lifetime = { DATABASE_CONNECTION_LIFETIME_SECONDS: String(LIFETIME_SECONDS) };
    const fleet = await startFleet(url, size, { ...lifetime, DATABASE_POOL_SIZE: '3', ...settings });
    return new Replicas(fleet, database, await seedService(fleet, database));
  }

  async ask({ url }: Replica, user: string, key = this.key): Promise<number> {
    const response = await fetch(`${url}/tokens/${user}`, { headers: { authorization: `Bearer ${key}` } });
    await response.arrayBuffer();
    return response.status;
  }

  /** A user whose token every replica has just served. */
  async warmUser(): Promise<string> {
    const user = `user-${randomUUID()}`;
    await seedGrants(this.fleet, this.database, [user], 3000);
    for (const replica of this.fleet.replicas) {
      // Twice: the second answer comes from the cache, where there is one.
      for (let served = 0; served < 2;) if ((await this.ask(replica, user)) === 200) served++;
    }
    return user;
  }

  async disconnect({ url }: Replica, user: string): Promise<void> {
    const { rows } = await this.database.query<{ id: string }>('SELECT id FROM grants WHERE user_id = $1', [
      user,
    ]);
    const disconnect = () =>
      fetch(`${url}/grants/${rows[0]?.id ?? ''}?mode=local`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${this.key}` },
      });
    let response = await disconnect();
    // Behind a pooler the first statement of a session may fail.
    while (response.status >= 500) response = await disconnect();
    expect(response.status).toBe(200);
  }

  /** Served no more by any replica after so long, and never again. */
  async assertGone(user: string, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (const replica of this.fleet.replicas) {
      const isRefused = async () => (await this.ask(replica, user)) !== 200;
      await until(isRefused, deadline - performance.now(), () => replica.log());
    }
    for (let look = 0; look < 10; look++) {
      for (const replica of this.fleet.replicas) expect(await this.ask(replica, user)).not.toBe(200);
      await pause(20);
    }
  }

  async changes({ url }: Replica): Promise<unknown> {
    const response = await fetch(`${url}/health/ready`);
    expect(response.status).toBe(200);
    return ((await response.json()) as { details: { changes: unknown } }).details.changes;
  }

  async untilChanges(replica: Replica, expected: object): Promise<void> {
    let changes = '';
    const isExpected = async () => {
      changes = JSON.stringify(await this.changes(replica));
      return changes === JSON.stringify(expected);
    };
    await until(isExpected, 10_000, () => `${changes}, not ${JSON.stringify(expected)}`);
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    await this.database.end();
  }
}

const UP = { status: 'up' };
const down = (reason: string) => ({ status: 'down', reason });

describe('the triggers that publish changes', () => {
  let replicas: Replicas;
  let sql: (query: string) => Promise<unknown>;
  beforeAll(async () => {
    const url = await createDatabase();
    replicas = await Replicas.start(url, url, { settings: { CACHE_MAX_AGE_SECONDS: '2' } });
    sql = (query) => replicas.database.query(query.replaceAll('$DATABASE', new URL(url).pathname.slice(1)));
  }, 60_000);
  afterAll(() => replicas.stop());
  const [first, second] = [
    () => replicas.fleet.replicas[0] as Replica,
    () => replicas.fleet.replicas[1] as Replica,
  ];

  test.each([
    [
      'all of a table are disabled',
      'ALTER TABLE grants DISABLE TRIGGER USER',
      'ALTER TABLE grants ENABLE TRIGGER USER',
      'triggers_missing',
    ],
    [
      'one is disabled',
      'ALTER TABLE grants DISABLE TRIGGER grant_came_or_went',
      'ALTER TABLE grants ENABLE ALWAYS TRIGGER grant_came_or_went',
      'triggers_missing',
    ],
    [
      'one is dropped',
      'DROP TRIGGER services_changed ON services',
      `CREATE TRIGGER services_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON services FOR EACH STATEMENT EXECUTE FUNCTION notify_change('services')`,
      'triggers_missing',
    ],
    [
      'one is there for part of what it must fire for',
      'DROP TRIGGER grant_came_or_went ON grants; CREATE TRIGGER grant_came_or_went AFTER INSERT ON grants FOR EACH ROW EXECUTE FUNCTION notify_grant_change()',
      'DROP TRIGGER grant_came_or_went ON grants; CREATE TRIGGER grant_came_or_went AFTER INSERT OR DELETE ON grants FOR EACH ROW EXECUTE FUNCTION notify_grant_change()',
      'triggers_missing',
    ],
    [
      'that of delegated credentials is disabled',
      'ALTER TABLE delegated_credentials DISABLE TRIGGER delegated_credential_changed',
      'ALTER TABLE delegated_credentials ENABLE ALWAYS TRIGGER delegated_credential_changed',
      'triggers_missing',
    ],
    [
      'the heartbeat’s is disabled',
      'ALTER TABLE change_heartbeats DISABLE TRIGGER USER',
      'ALTER TABLE change_heartbeats ENABLE ALWAYS TRIGGER change_heartbeat_sent',
      'triggers_missing',
    ],
    [
      'they fire, and notify of nothing',
      'ALTER FUNCTION notify_grant_change() RENAME TO kept; CREATE FUNCTION notify_grant_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE OR REPLACE TRIGGER grant_came_or_went AFTER INSERT OR DELETE ON grants FOR EACH ROW EXECUTE FUNCTION notify_grant_change()',
      'DROP FUNCTION notify_grant_change() CASCADE; ALTER FUNCTION kept() RENAME TO notify_grant_change; CREATE TRIGGER grant_came_or_went AFTER INSERT OR DELETE ON grants FOR EACH ROW EXECUTE FUNCTION notify_grant_change()',
      'triggers_missing',
    ],
    [
      'sessions bypass them',
      'ALTER DATABASE $DATABASE SET session_replication_role = replica',
      'ALTER DATABASE $DATABASE RESET session_replication_role',
      'triggers_bypassed',
    ],
  ])('are named when %s, and what was disconnected is not served', async (_, fault, repair, reason) => {
    const user = await replicas.warmUser();
    await replicas.untilChanges(second(), UP);
    const isWarm = await replicas.ask(second(), user);
    expect(isWarm).toBe(200);
    await sql(fault);
    await replicas.disconnect(first(), user);
    await replicas.assertGone(user, NOTICED_MS + SLACK_MS);
    await replicas.untilChanges(second(), down(reason));
    await until(() => second().log().includes(`"reason":"${reason}"`));
    await sql(repair);
    await replicas.untilChanges(second(), UP);
  });

  test('publish a change under session_replication_role = replica as well', async () => {
    const user = await replicas.warmUser();
    await sql(
      `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM grants WHERE user_id = '${user}'; COMMIT`,
    );
    await replicas.assertGone(user, SLACK_MS);
  });

  test('that were off for one transaction leave a change cached no longer than the maximum age', async () => {
    const user = await replicas.warmUser();
    const key = await seedService(replicas.fleet, replicas.database);
    await until(async () => (await replicas.ask(second(), user, key)) === 200);
    await sql(`BEGIN; ALTER TABLE grants DISABLE TRIGGER USER; ALTER TABLE services DISABLE TRIGGER USER;
      DELETE FROM grants WHERE user_id = '${user}'; UPDATE services SET revoked_at = now() WHERE id = '${key.split('_')[1] ?? ''}';
      ALTER TABLE services ENABLE TRIGGER USER; ALTER TABLE grants ENABLE TRIGGER USER; COMMIT`);
    await until(async () => (await replicas.ask(second(), user, key)) === 401, 2000 + SLACK_MS);
    await replicas.assertGone(user, 2000 + SLACK_MS);
    expect(second().log()).not.toContain('heartbeat_not_received');
  });
});

describe.each(['session', 'transaction'] as const)('behind PgBouncer in %s mode', (mode) => {
  const maybe = hasPgBouncer ? test : test.skip;
  maybe(
    hasPgBouncer ? 'a disconnect is honoured' : 'a disconnect is honoured (skipped: no PgBouncer here)',
    async () => {
      const direct = await createDatabase();
      const pooler = await startPgBouncer(direct, mode);
      const replicas = await Replicas.start(direct, pooler.url);
      const second = replicas.fleet.replicas[1] as Replica;
      try {
        await replicas.untilChanges(second, mode === 'session' ? UP : down('heartbeat_not_received'));
        const user = await replicas.warmUser();
        await replicas.disconnect(replicas.fleet.replicas[0] as Replica, user);
        await replicas.assertGone(user, mode === 'session' ? SLACK_MS : 0);
        if (mode === 'transaction') await until(() => second.log().includes('pooler'));
      } finally {
        await replicas.stop();
        await pooler.stop();
      }
    },
    60_000,
  );
});

test('a failover is noticed when connections end, where the old primary and connections to it go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-failover-'));
  chmodSync(folder, 0o755);
  const primary = { folder: join(folder, 'primary'), password: randomUUID() };
  const old = await startPostgres({ ...primary, flags: ['-c', 'fsync=off'] });
  await migrate(old.url('postgres'), 'prisma/migrations');
  const standby = await startStandby({ ...primary, postgres: old }, join(folder, 'standby'));
  const proxy = await startTcpProxy(old.port);
  const through = old.url('postgres').replace(`:${old.port}/`, `:${proxy.port}/`);
  const replicas = await Replicas.start(old.url('postgres'), through, { size: 1 });
  let promoted;
  try {
    const user = await replicas.warmUser();
    const [unaware] = replicas.fleet.replicas as [Replica];
    promoted = await standby.promote();
    proxy.lead(standby.port);
    // All its connections are new, so it is where the others are not yet.
    const aware = await replicas.fleet.add();
    await replicas.disconnect(aware, user);
    await replicas.assertGone(user, LIFETIME_SECONDS * 1000 + NOTICED_MS + SLACK_MS);
    // And is believed again, from the new one.
    await replicas.untilChanges(unaware, UP);
    const { rows } = await replicas.database.query(`SELECT FROM grants WHERE user_id = $1`, [user]);
    expect(rows).toHaveLength(1);
  } finally {
    await replicas.stop();
    await proxy.close();
    await Promise.all([old.stop(), promoted?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}, 90_000);

describe('a listening connection that is replaced because of its age', () => {
  test('leaves nothing cached that it may not have been notified of', async () => {
    const url = await createDatabase();
    const proxy = await startTcpProxy(Number(new URL(url).port));
    const direct = url.replace(/:\d+\//, `:${proxy.port}/`);
    const replicas = await Replicas.start(url, url, { settings: { DATABASE_DIRECT_URL: direct } });
    const [first, second] = replicas.fleet.replicas as [Replica, Replica];
    try {
      await replicas.untilChanges(second, UP);
      const user = await replicas.warmUser();
      // Its successor is opened before the first heartbeat is known to be lost.
      proxy.silence();
      await replicas.disconnect(first, user);
      await replicas.assertGone(user, NOTICED_MS + SLACK_MS);
      await replicas.untilChanges(second, UP);
    } finally {
      await replicas.stop();
      await proxy.close();
    }
  }, 60_000);

  test('leaves caches as they are when both received what was sent meanwhile', async () => {
    const bed = await startTestBed({ DATABASE_CONNECTION_LIFETIME_SECONDS: '1' });
    const seen = new Set<string>();
    try {
      const feed = bed.app.get(ChangeFeed);
      await until(() => feed.fault === null);
      await feed.catchUp();
      feed.subscribe(({ kind }) => seen.add(kind));
      const listening = async () => {
        const rows = await bed.sql(
          `SELECT pid FROM pg_stat_activity WHERE application_name = 'token-broker changes' AND datname = current_database()`,
        );
        return rows.map(({ pid }) => Number(pid));
      };
      const pids = new Set<number>();
      await until(async () => {
        for (const pid of await listening()) pids.add(pid);
        return pids.size >= 4;
      });
      expect(feed.isUpToDate).toBe(true);
      expect([...seen]).not.toContain('everything');
    } finally {
      await bed.stop();
    }
  }, 60_000);
});

test('what exceeds the maximum age is read once for all who ask, and not again', async () => {
  const bed = await startTestBed({ CACHE_MAX_AGE_SECONDS: '2' });
  try {
    await bed.api.connect(
      { user_id: 'popular', scope: YOUTUBE, account_hint: ALICE.email },
      { account: ALICE.email },
    );
    for (let call = 0; call < 3; call++) expect((await bed.api.token('popular')).status).toBe(200);
    const grants = jest.spyOn(bed.app.get(GrantsRepository), 'findWithTokens');
    const services = jest.spyOn(bed.app.get(ServicesRepository), 'listActive');
    await bed.api.token('popular');
    expect([grants, services].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    await pause(2100);
    for (let round = 0; round < 2; round++) {
      const responses = await Promise.all(Array.from({ length: 50 }, () => bed.api.token('popular')));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    }
    expect([grants, services].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  } finally {
    await bed.stop();
  }
});
