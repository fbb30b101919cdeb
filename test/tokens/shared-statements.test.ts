import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { testOfOneServer } from '../support/cluster.js';
import { coldUsers } from '../support/cold-users.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { Database } from '../../src/token-store/client/database.js';

/** Reads, leases and saves of many users in one statement: the failure of one fails no other. */
const USERS = 12;

const SHARED = ['grants with tokens', 'take lease', 'save token'].flatMap((name) => [
  name,
  `${name}, several`,
]);
/** PostgreSQL plans so many executions for their values before it compares: https://www.postgresql.org/docs/current/sql-prepare.html */
const CUSTOM_PLANS = 5;

interface Plans {
  readonly statement: string;
  readonly custom: number;
  readonly generic: number;
}

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

const savedUsers = async () => {
  const rows = await bed.sql('SELECT user_id FROM access_tokens ORDER BY user_id');
  return rows.map(({ user_id }) => user_id);
};

test('each of many users whose tokens expired at once gets their own token, by one request to Google', async () => {
  const users = await coldUsers(bed, 'crowd', USERS);
  const responses = await Promise.all(users.map((user) => bed.api.token(user)));
  expect(responses.map(({ status }) => status)).toEqual(users.map(() => 200));
  expect(new Set(responses.map(({ body }) => body['access_token'])).size).toBe(USERS);
  expect(bed.google.control.count('token')).toBe(USERS);
  // A new process reads the same ones.
  await bed.restart();
  const again = await Promise.all(users.map((user) => bed.api.token(user)));
  expect(again.map(({ body }) => body['access_token'])).toEqual(
    responses.map(({ body }) => body['access_token']),
  );
  expect(bed.google.control.count('token')).toBe(USERS);
});

test('a grant whose row is locked does not keep the others from a token', async () => {
  const users = await coldUsers(bed, 'locked', USERS);
  const other = new pg.Client({ connectionString: bed.ownerUrl });
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM grants WHERE user_id = $1 FOR UPDATE', [users[0]]);
    const [held, ...rest] = users.map((user) => bed.api.token(user));
    const responses = await Promise.all(rest);
    expect(responses.map(({ status }) => status)).toEqual(rest.map(() => 200));
    expect(await savedUsers()).toEqual(users.slice(1).toSorted());
    await other.query('COMMIT');
    expect((await held)?.status).toBe(200);
  } finally {
    await other.end();
  }
});

test('a token that cannot be saved does not keep the others from being saved', async () => {
  const users = await coldUsers(bed, 'refused', USERS);
  await bed.sql(`
    CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'refused'; END $$`);
  const [grant] = await bed.sql('SELECT id FROM grants WHERE user_id = $1', [users[0]]);
  await bed.sql(`CREATE TRIGGER refusing BEFORE INSERT ON access_tokens FOR EACH ROW
    WHEN (NEW.grant_id = '${String(grant?.['id'])}') EXECUTE FUNCTION refuse_one()`);
  const responses = await Promise.all(users.map((user) => bed.api.token(user)));
  // Its token is served all the same, and saved later.
  expect(responses.map(({ status }) => status)).toEqual(users.map(() => 200));
  expect(await savedUsers()).toEqual(users.slice(1).toSorted());
  await bed.sql('DROP TRIGGER refusing ON access_tokens');
  await until(async () => (await savedUsers()).length === USERS);
});

test('the next request to Google need not wait until the answer to the one before is saved', async () => {
  const [slow = '', next = ''] = await coldUsers(bed, 'turn', 2);
  await bed.restart({ GOOGLE_CONCURRENCY: '1' });
  const other = new pg.Client({ connectionString: bed.ownerUrl });
  await other.connect();
  try {
    bed.google.control.failNext('token', { delayMs: 500 }, 1);
    const held = bed.api.token(slow);
    await until(() => bed.google.control.count('token') === 1);
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM grants WHERE user_id = $1 FOR UPDATE', [slow]);
    expect((await bed.api.token(next)).status).toBe(200);
    expect(await savedUsers()).toEqual([next]);
    await other.query('COMMIT');
    expect((await held).status).toBe(200);
    expect(await savedUsers()).toEqual([next, slow].toSorted());
  } finally {
    await other.end();
    await bed.restart();
  }
});

testOfOneServer(
  'PostgreSQL plans each shared statement for its first values only, alone or for several users',
  async () => {
    await bed.restart({ DATABASE_POOL_SIZE: '1' });
    // On the broker's only connection, which has all statements that it prepared.
    const plans = async () => {
      const rows = await bed.app.get(Database).unprepared<Plans>(
        `SELECT regexp_replace(name, ' [0-9a-f]{12}$', '') AS statement, custom_plans::integer AS custom,
        generic_plans::integer AS generic FROM pg_prepared_statements`,
      );
      return SHARED.map((statement) => rows.find((row) => row.statement === statement) ?? statement);
    };
    const isDecided = (each: Plans | string) =>
      typeof each !== 'string' && each.custom + each.generic > 2 * CUSTOM_PLANS;
    // With few rows, or many users at a time, a plan for the values is no cheaper than one for any.
    await coldUsers(bed, 'row', 1500);
    await bed.sql('ANALYZE grants, access_tokens');
    let crowd = 0;
    await until(async () => {
      const users = await coldUsers(bed, `planned-${crowd++}`, 4);
      const [alone = '', ...together] = users;
      expect((await bed.api.token(alone)).status).toBe(200);
      await Promise.all(together.map((user) => bed.api.token(user)));
      return (await plans()).every(isDecided);
    });
    for (const each of await plans()) expect(each).toMatchObject({ custom: CUSTOM_PLANS });
    await bed.restart();
  },
);
