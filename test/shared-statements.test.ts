import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { coldUsers } from './support/cold-users.js';
import { startTestBed, type TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

/** Reads, leases and saves of many users in one statement: the failure of one fails no other. */
const USERS = 12;

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
  const rows = await bed.sql(
    'SELECT user_id FROM grants JOIN access_tokens ON grant_id = grants.id ORDER BY user_id',
  );
  return rows.map(({ user_id }) => user_id);
};

test('each of many users whose tokens expired at once gets their own token, by one request to Google', async () => {
  const users = await coldUsers(bed, 'crowd', USERS);
  const answers = await Promise.all(users.map((user) => bed.api.token(user)));
  expect(answers.map(({ status }) => status)).toEqual(users.map(() => 200));
  expect(new Set(answers.map(({ body }) => body['access_token'])).size).toBe(USERS);
  expect(bed.google.control.count('token')).toBe(USERS);
  // A new process reads the same ones.
  await bed.restart();
  const again = await Promise.all(users.map((user) => bed.api.token(user)));
  expect(again.map(({ body }) => body['access_token'])).toEqual(
    answers.map(({ body }) => body['access_token']),
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
    const answers = await Promise.all(rest);
    expect(answers.map(({ status }) => status)).toEqual(rest.map(() => 200));
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
  const answers = await Promise.all(users.map((user) => bed.api.token(user)));
  // Its token is served all the same, and saved later.
  expect(answers.map(({ status }) => status)).toEqual(users.map(() => 200));
  expect(await savedUsers()).toEqual(users.slice(1).toSorted());
  await bed.sql('DROP TRIGGER refusing ON access_tokens');
  await until(async () => (await savedUsers()).length === USERS);
});
