/**
 * A primary and its streaming standby, both named in DATABASE_URL: what was answered with 200 and is lost when the standby takes
 * over, as docs/failover.md says, and what happens where the old primary goes on.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { type RunningPostgres, startPostgres } from '../../sandbox/trial/postgres.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { Api } from '../support/api.js';
import { type Standby, STANDBY_NAME, startStandby } from '../support/standby.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const LIFETIME_SECONDS = 2;
/** What docs/failover.md promises, and more for a busy machine. */
const NOTICED_MS = (LIFETIME_SECONDS + 2) * 1000 + 4000;
/** On a busy machine. It only decides how soon a test fails. */
const SLOW_MS = 60_000;
const SCOPE = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const FLAGS = ['-c', 'fsync=off'];

const names = (kind: string, count: number) => Array.from({ length: count }, (_, each) => `${kind}-${each}`);

/** The data folder that each pair begins with. */
let folder: string;
const password = randomUUID();
const migrated = () => join(folder, 'migrated');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-failover-'));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres({ folder: migrated(), password, flags: FLAGS });
  await migrate(postgres.url('postgres'), 'prisma/migrations');
  await postgres.stop();
}, 60_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

class Pair {
  promoted: RunningPostgres | null = null;

  private constructor(
    readonly home: string,
    readonly primary: RunningPostgres,
    readonly standby: Standby,
    /** Between the standby and the primary. */
    readonly link: TcpProxy,
    readonly database: pg.Client,
    readonly fleet: Fleet,
    readonly key: string,
  ) {}

  static async start({ isSynchronous }: { isSynchronous: boolean }): Promise<Pair> {
    const home = join(folder, randomUUID());
    spawnSync('cp', ['-a', migrated(), home]);
    const primary = await startPostgres({ folder: home, password, flags: FLAGS });
    const link = await startTcpProxy(primary.port);
    const standby = await startStandby(
      { folder: home, password, postgres: primary },
      `${home}-standby`,
      link.port,
    );
    const database = new pg.Client({ connectionString: primary.url('postgres') });
    database.on('error', () => undefined);
    await database.connect();
    if (isSynchronous) {
      await database.query(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${STANDBY_NAME})'`);
      await database.query('SELECT pg_reload_conf()');
    }
    const state = isSynchronous ? 'quorum' : 'async';
    await until(async () => {
      const { rows } = await database.query<{ sync_state: string }>(
        'SELECT sync_state FROM pg_stat_replication',
      );
      return rows.some(({ sync_state }) => sync_state === state);
    });
    const fleet = await startFleet(
      `postgresql://broker:${password}@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`,
      2,
      {
        DATABASE_CONNECTION_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
        BROWSER_RATE_LIMIT: '100000',
      },
    );
    fleet.google.control.setSlotLimit(100_000);
    return new Pair(home, primary, standby, link, database, fleet, await seedService(fleet, database));
  }

  api(replica: number | Replica = 0): Api {
    const { url } = typeof replica === 'number' ? (this.fleet.replicas[replica] as Replica) : replica;
    return new Api(url, this.key);
  }

  /** @returns the ids of their grants */
  async seed(users: string[], secondsLeft: number): Promise<Map<string, string>> {
    await seedGrants(this.fleet, this.database, users, secondsLeft);
    const { rows } = await this.database.query<{ id: string; user_id: string }>(
      'SELECT id, user_id FROM grants WHERE user_id = ANY ($1)',
      [users],
    );
    return new Map(rows.map(({ id, user_id }) => [user_id, id]));
  }

  /** As a machine that loses its power: nothing is written after it. */
  async failOver(): Promise<void> {
    const [pid = ''] = readFileSync(join(this.home, 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await this.primary.ended;
    this.promoted = await this.standby.promoteNow();
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    await this.database.end().catch(() => undefined);
    await this.link.close();
    await Promise.all([this.primary.stop(), this.promoted?.stop()]);
  }
}

/** Users by what was answered with 200 for them. */
class Acknowledged {
  readonly disconnected: string[] = [];
  readonly rotated: string[] = [];
  readonly connected: string[] = [];

  get count(): number {
    return this.disconnected.length + this.rotated.length + this.connected.length;
  }
}

/** Works until it is told to stop. What is answered otherwise, or not at all, may or may not have happened. */
function load(
  pair: Pair,
  leaving: ReadonlyMap<string, string>,
  rotating: readonly string[],
  joining: string[],
) {
  const acknowledged = new Acknowledged();
  let isOver = false;
  const work = async (
    users: Iterable<string>,
    replica: number,
    act: (user: string, api: Api) => Promise<boolean>,
    done: string[],
  ) => {
    for (const user of users) {
      if (isOver) return;
      if (await act(user, pair.api(replica)).catch(() => false)) done.push(user);
      else await pause(20);
    }
  };
  const queues = {
    leaving: [...leaving.keys()].values(),
    rotating: rotating.values(),
    joining: joining.values(),
  };
  const disconnect = async (user: string, api: Api) =>
    (await api.delete(`/grants/${leaving.get(user) ?? ''}`, { mode: 'local' })).status === 200;
  const rotate = async (user: string, api: Api) => (await api.token(user)).status === 200;
  const connect = async (user: string, api: Api) => {
    const page = await api.connect({ user_id: user, scope: SCOPE }, { account: 'alice@example.com' });
    return page.status === 200 && page.text.includes('Connected');
  };
  const workers = [0, 1].flatMap((replica) => [
    work(queues.leaving, replica, disconnect, acknowledged.disconnected),
    work(queues.rotating, replica, rotate, acknowledged.rotated),
  ]);
  workers.push(work(queues.joining, 0, connect, acknowledged.connected));
  return {
    acknowledged,
    stop: async () => {
      isOver = true;
      await Promise.all(workers);
    },
  };
}

/** What the database did not take while it was away, a replica keeps and saves later: by then it has the newer refresh token. */
async function untilSaved(server: RunningPostgres | null, { rotated }: Acknowledged): Promise<void> {
  const database = new pg.Client({ connectionString: server?.url('postgres') });
  await database.connect();
  const older = 'SELECT user_id FROM grants WHERE user_id = ANY ($1) AND credential_version = 1';
  try {
    await until(async () => (await database.query(older, [rotated])).rowCount === 0);
  } finally {
    await database.end();
  }
}

/** Of what was answered with 200, what a replica that starts now does not know. */
async function lostOf(pair: Pair, acknowledged: Acknowledged): Promise<Acknowledged> {
  const lost = new Acknowledged();
  const api = pair.api(await pair.fleet.add());
  for (const user of acknowledged.disconnected)
    if ((await api.token(user)).status !== 404) lost.disconnected.push(user);
  for (const user of acknowledged.connected)
    if ((await api.token(user)).status !== 200) lost.connected.push(user);
  for (const user of acknowledged.rotated) {
    // Whatever token is held, the refresh token of the grant is asked.
    const { status, body } = await api.token(user);
    const again = status === 200 ? await api.token(user, { refused: String(body['token_id']) }) : { status };
    if (again.status !== 200) lost.rotated.push(user);
  }
  return lost;
}

describe('with a synchronous standby', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({ isSynchronous: true });
  }, 60_000);
  afterAll(() => pair.stop());

  test('while it is away, tokens are refreshed, and a disconnect is answered when it is back', async () => {
    const ids = await pair.seed(['patient'], 3000);
    const expired = names('expired', 3);
    await pair.seed(expired, 0);
    pair.link.cut();
    await until(async () => (await pair.database.query('SELECT FROM pg_stat_replication')).rowCount === 0);
    let responseStatus = 0;
    const disconnect = pair
      .api()
      .delete(`/grants/${ids.get('patient') ?? ''}`, { mode: 'local' })
      .then(({ status }) => (responseStatus = status));
    await until(async () => {
      const waiting = await pair.database.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`);
      return waiting.rowCount !== 0;
    });
    for (const user of expired) expect((await pair.api(1).token(user)).status).toBe(200);
    expect(responseStatus).not.toBe(200);
    pair.link.lead(pair.primary.port);
    // 503 where it waited for longer than a statement may: then it is not known whether it happened.
    expect([200, 503]).toContain(await disconnect);
    await until(async () => (await pair.api(1).token('patient')).status === 404);
  }, 60_000);

  test('while it is away, a refresh that brought another refresh token is answered with 200, and that is saved when it is back', async () => {
    await pair.seed(['rotated'], 0);
    pair.link.cut();
    await until(async () => (await pair.database.query('SELECT FROM pg_stat_replication')).rowCount === 0);
    pair.fleet.google.control.rotateRefreshTokens(true);
    expect((await pair.api(1).token('rotated')).status).toBe(200);
    // It was answered without the standby, which does not have it.
    expect((await pair.database.query('SELECT FROM pg_stat_replication')).rowCount).toBe(0);
    pair.link.lead(pair.primary.port);
    const acknowledged = new Acknowledged();
    acknowledged.rotated.push('rotated');
    await untilSaved(pair.primary, acknowledged);
    expect(await lostOf(pair, acknowledged)).toEqual(new Acknowledged());
  }, 60_000);

  test('nothing that was answered with 200 is lost when it is promoted under load', async () => {
    const leaving = await pair.seed(names('leaving', 600), 3000);
    const rotating = names('rotating', 80);
    await pair.seed(rotating, 0);
    pair.fleet.google.control.rotateRefreshTokens(true);
    const { acknowledged, stop } = load(pair, leaving, rotating, names('joining', 15));
    await until(
      () =>
        acknowledged.disconnected.length >= 40 &&
        acknowledged.rotated.length >= 15 &&
        acknowledged.connected.length >= 2,
      SLOW_MS,
    );
    await pair.failOver();
    const before = acknowledged.count;
    await until(() => acknowledged.count > before + 20, SLOW_MS);
    await stop();
    await untilSaved(pair.promoted, acknowledged);
    expect(await lostOf(pair, acknowledged)).toEqual(new Acknowledged());
  }, 180_000);
});

describe('with an asynchronous standby', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({ isSynchronous: false });
  }, 60_000);
  afterAll(() => pair.stop());

  test('beside an old primary that was not stopped, every replica goes to the promoted one, and what had not come there is lost', async () => {
    const ids = await pair.seed(['gone', 'leaving-0', 'leaving-1'], 3000);
    await pair.seed(['rotating-0'], 0);
    for (const replica of [0, 1]) expect((await pair.api(replica).token('gone')).status).toBe(200);
    const { rows } = await pair.database.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    await until(async () => {
      const { rowCount } = await pair.database.query(
        'SELECT FROM pg_stat_replication WHERE replay_lsn >= $1',
        [rows[0]?.lsn],
      );
      return rowCount === 1;
    });
    pair.link.cut();
    pair.fleet.google.control.rotateRefreshTokens(true);
    const leaving = new Map([...ids].filter(([user]) => user !== 'gone'));
    const { acknowledged, stop } = load(pair, leaving, ['rotating-0'], ['joining-0']);
    await until(() => acknowledged.count === 4, SLOW_MS);
    await stop();
    pair.promoted = await pair.standby.promoteNow();

    const aware = pair.api(await pair.fleet.add());
    expect((await aware.delete(`/grants/${ids.get('gone') ?? ''}`, { mode: 'local' })).status).toBe(200);
    const deadline = performance.now() + NOTICED_MS;
    for (const replica of [0, 1]) {
      const { url } = pair.fleet.replicas[replica] as Replica;
      const log = () => pair.fleet.replicas[replica]?.log() ?? '';
      const isRefused = async () => (await pair.api(replica).token('gone')).status !== 200;
      await until(isRefused, deadline - performance.now(), log);
      await until(async () => {
        const responseStatus = await fetch(`${url}/health/ready`);
        const { details } = (await responseStatus.json()) as { details: { changes: { status: string } } };
        return details.changes.status === 'up';
      });
      await until(() => log().includes('two servers of DATABASE_URL take writes'));
      expect(log()).not.toContain(password);
    }
    const lost = await lostOf(pair, acknowledged);
    const { rotated, connected } = lost;
    expect({ disconnected: lost.disconnected.toSorted(), rotated, connected }).toEqual({
      disconnected: ['leaving-0', 'leaving-1'],
      rotated: ['rotating-0'],
      connected: ['joining-0'],
    });
  }, 120_000);
});
