import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { Api } from '../support/api.js';
import { inEachForm, isCluster, runSql, testOfOneServer } from '../support/cluster.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** A revocation whose replica is killed, at each moment that matters; another one takes it over. */
let fleet: Fleet;
let database: pg.Client;
let key: string;
beforeAll(async () => {
  const url = await createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  fleet = await startFleet(url, 2, { GOOGLE_TIMEOUT_MS: '4000' });
  key = await seedService(fleet, database);
  await database.query(`
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN OLD; END $$`);
}, 60_000);
beforeEach(async () => {
  fleet.google.control.reset();
  await runSql(database, 'DELETE FROM grants');
  await database.query('DELETE FROM refresh_tokens; DELETE FROM revocations');
});
afterAll(async () => {
  await fleet.stop();
  await database.end();
});

const grantIdOf = async (user: string) => {
  const { rows } = await database.query<{ id: string }>('SELECT id FROM grants WHERE user_id = $1', [user]);
  return rows[0]?.id ?? '';
};
const isFinished = async () =>
  (await database.query('SELECT id FROM revocations WHERE finished_at IS NULL')).rowCount === 0;

/** Begins to revoke the grant of `gone` on a replica that is killed as soon as something is the case. */
async function killAt(
  moment: () => Promise<boolean> | boolean,
  siblings = ['sibling'],
): Promise<{ survivor: Api }> {
  const evicted = await fleet.add();
  const survivor = new Api((fleet.replicas[0] as Replica).url, key);
  await seedGrants(fleet, inEachForm(database), ['gone', ...siblings], 3000);
  // Both are cached on every replica. The survivor has the refusals of the test before in memory, until it is notified of these grants.
  for (const user of ['gone', ...siblings]) {
    await until(async () => (await survivor.token(user)).status === 200);
    expect((await new Api(evicted.url, key).token(user)).status).toBe(200);
  }
  const path = `${evicted.url}/grants/${await grantIdOf('gone')}?mode=revoke`;
  const lost = fetch(path, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } }).catch(
    () => null,
  );
  await until(moment);
  await evicted.end('SIGKILL');
  await lost;
  return { survivor };
}

async function expectEnd(survivor: Api, siblings = ['sibling']): Promise<void> {
  while (!(await isFinished()))
    for (const user of ['gone', ...siblings]) expect((await survivor.token(user)).status).not.toBe(200);
  // The survivor is notified a moment after the commit.
  await until(async () => (await survivor.token('gone')).status === 404);
  for (const user of siblings) {
    const { status, body } = await survivor.token(user);
    expect([status, body['cause']]).toEqual([410, 'revoked_with_sibling']);
  }
}

test('a revocation is finished by another replica where one is stopped before Google was reached', async () => {
  fleet.google.control.failAlways('revoke', { drop: true });
  const { survivor } = await killAt(() => fleet.google.control.count('revoke') > 0);
  fleet.google.control.clearFaults();
  await expectEnd(survivor);
}, 60_000);

test('a revocation is finished by another replica where one is stopped while Google revokes', async () => {
  fleet.google.control.latency('revoke', 500);
  const { survivor } = await killAt(() => fleet.google.control.count('revoke') > 0);
  await expectEnd(survivor);
}, 60_000);

testOfOneServer(
  'a revocation is finished by another replica where one is stopped after Google said yes, before it was written',
  async () => {
    await database.query('CREATE TRIGGER waits BEFORE DELETE ON grants FOR EACH ROW EXECUTE FUNCTION wait()');
    const { survivor } = await killAt(async () => {
      const { rows } = await database.query(
        `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
      );
      return rows.length > 0;
    });
    await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND datname = current_database()`);
    await database.query('DROP TRIGGER waits ON grants');
    await expectEnd(survivor);
  },
  60_000,
);

(isCluster ? test : test.skip).each([
  ['one of two siblings', 1],
  ['both siblings', 2],
])(
  'a revocation is finished by another replica where one is stopped once the grants of %s have ended, with all slots',
  async (_, count) => {
    const siblings = ['first', 'second'];
    // Of a user who has no grant any more.
    await database.query(`INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, current, issued_at, last_used_at,
      prefix_hash, sha512_hash) VALUES ('left', 'left', '103400000000000000001', 'default', false, now(), now(), '', '')`);
    const holder = new pg.Client({ connectionString: fleet.settings['DATABASE_URL'] });
    await holder.connect();
    const statusesOf = async (users: readonly string[]) => {
      const statuses = 'SELECT status FROM grants WHERE user_id = ANY ($1)';
      return (await database.query<{ status: string }>(statuses, [users])).rows.map(({ status }) => status);
    };
    fleet.google.control.latency('revoke', 600);
    let held = '';
    let ended: string[] = [];
    const { survivor } = await killAt(async () => {
      if (held !== '') return (await statusesOf(ended)).every((status) => status === 'revoked');
      if (fleet.google.control.count('revoke') === 0) return false;
      // They come by the ids of their grants, and `gone` last.
      const byId = 'SELECT user_id AS user FROM grants WHERE user_id = ANY ($1) ORDER BY id';
      const { rows } = await database.query<{ user: string }>(byId, [siblings]);
      const users = [...rows.map(({ user }) => user), 'gone'];
      held = users[count] ?? '';
      ended = users.slice(0, count);
      await holder.query('BEGIN');
      await holder.query('SELECT FROM grants WHERE user_id = $1 FOR UPDATE', [held]);
      return false;
    }, siblings);
    expect([await statusesOf([held]), await isFinished()]).toEqual([['suspended'], false]);
    await holder.end();
    await expectEnd(survivor, siblings);
    const ledger = 'SELECT user_id, end_reason FROM refresh_tokens ORDER BY user_id';
    expect((await database.query(ledger)).rows).toEqual([
      { user_id: 'first', end_reason: 'revoked_with_sibling' },
      { user_id: 'gone', end_reason: 'revoked' },
      { user_id: 'left', end_reason: 'revoked' },
      { user_id: 'second', end_reason: 'revoked_with_sibling' },
    ]);
    const trail = `SELECT details FROM audit_trail WHERE user_id = 'gone' AND action = 'grant.disconnect' ORDER BY at DESC LIMIT 1`;
    expect((await database.query(trail)).rows).toEqual([{ details: { mode: 'revoke', also_revoked: 2 } }]);
  },
  60_000,
);
