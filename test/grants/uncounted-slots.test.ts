/**
 * Where the tables are distributed over several servers, the slots of an account are counted after the commit that books a token, and all
 * servers are asked. A count that failed is repeated: the token would make its account look full until it ends.
 */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { Database } from '../../src/token-store/client/database.js';
import { Browser } from '../support/api.js';
import { isCluster } from '../support/cluster.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** As many accounts as one connect looks at: slot-ledger.repository.ts. */
const SUSPECTS = 20;
const LIMIT = SUSPECTS + 2;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ SLOT_LIMIT: String(LIMIT) });
  if (!isCluster) jest.spyOn(bed.app.get(Database), 'isDistributed').mockReturnValue(true);
  await bed.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'connection to the remote node failed' USING ERRCODE = '08006'; END $$`);
});
beforeEach(async () => {
  bed.google.control.reset();
  bed.google.control.setSlotLimit(LIMIT);
  await bed.reset();
});
afterAll(() => bed.stop());

/** Connects a user while no slots can be counted. */
async function connectUncounted(user_id: string, { email }: { readonly email: string }): Promise<void> {
  await bed.sql(
    'CREATE TRIGGER refuse BEFORE UPDATE OF slots_taken ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  try {
    const page = await bed.api.connect({ user_id, scope: YOUTUBE, force: true }, { account: email });
    expect(page.text).toContain('Connected');
  } finally {
    await bed.sql('DROP TRIGGER refuse ON refresh_tokens');
  }
}

/** Tokens of users who have no grant any more. @param taken null: not counted either */
async function bookOthers(count: number, { sub }: { readonly sub: string }, taken: number | null) {
  await bed.sql(
    `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, current, issued_at, last_used_at, prefix_hash, sha512_hash
       ${taken === null ? '' : ', slots_taken'})
     SELECT 'other-' || n, convert_to('other-' || n, 'UTF8'), '${sub}', 'default', false, now(), now(), '', '' ${taken === null ? '' : `, ${taken}`}
     FROM generate_series(1, ${count}) AS n`,
  );
}

/** A token of a user of its own. */
const bookOne = (sub: string) =>
  bed.sql(
    `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, current, issued_at, last_used_at, prefix_hash, sha512_hash)
     VALUES ($1, convert_to($1, 'UTF8'), $1, 'default', false, now(), now(), '', '')`,
    [sub],
  );

/** Whether a consent comes only after a sign-in, which shows the account. */
async function mustIdentify(): Promise<boolean> {
  const link = await bed.api.connectUrl({ user_id: 'newcomer', scope: YOUTUBE });
  const { searchParams } = await new Browser().begin(link);
  return !(searchParams.get('scope') ?? '').includes(YOUTUBE);
}

test('accounts whose slots could not be counted do not stay full, since they are counted later', async () => {
  await bookOthers(SUSPECTS - 1, ALICE, null);
  await connectUncounted('user', ALICE);
  expect(await mustIdentify()).toBe(true);
  await until(async () => {
    bed.clock.advance(61);
    return !(await mustIdentify());
  });
});

test('what a failed count leaves out is done with the later one, both the alarm and the end of the token that Google evicted', async () => {
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
  await bookOthers(LIMIT, BOB, 1);
  await connectUncounted('user', BOB);
  const ended = () => bed.sql('SELECT user_id, end_reason FROM refresh_tokens WHERE ended_at IS NOT NULL');
  const alarms = () => bed.sql(`SELECT user_id FROM outbox_events WHERE type = 'slots.nearly_full'`);
  expect([await ended(), await alarms()]).toEqual([[], []]);
  await until(async () => {
    bed.clock.advance(61);
    return (await ended()).length > 0 && (await alarms()).length > 0;
  });
  expect(await ended()).toEqual([{ user_id: expect.stringMatching(/^other-/), end_reason: 'slot_eviction' }]);
  // The account is full indeed.
  expect(await alarms()).toEqual([{ user_id: 'user' }]);
  expect(await mustIdentify()).toBe(true);
});

test('a newer token of an account that is not verified yet keeps no evicted token in the ledger', async () => {
  await bookOthers(LIMIT, BOB, 1);
  await connectUncounted('user', BOB);
  await bed.sql(
    `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, account_verified, client, current, issued_at, last_used_at,
       prefix_hash, sha512_hash)
     VALUES ('unverified', 'unverified', $1, false, 'default', false, now(), now(), '', '')`,
    [BOB.sub],
  );
  const open = () => bed.sql('SELECT FROM refresh_tokens WHERE slots_taken > $1', [LIMIT]);
  expect(await open()).toHaveLength(2);
  await until(async () => {
    bed.clock.advance(61);
    return (await open()).length === 0;
  });
  const ended = await bed.sql(`SELECT user_id FROM refresh_tokens WHERE end_reason = 'slot_eviction'`);
  expect(ended.length).toBeGreaterThan(0);
});

test('accounts whose count always fails keep no other from being counted', async () => {
  const failing = ['fail-1', 'fail-2', 'fail-3', 'fail-4'];
  await bed.sql(`CREATE TRIGGER refuse BEFORE UPDATE OF slots_taken ON refresh_tokens FOR EACH ROW
    WHEN (NEW.account_sub LIKE 'fail-%') EXECUTE FUNCTION refuse()`);
  for (const sub of failing) await bookOne(sub);
  await bookOthers(1, ALICE, null);
  const uncounted = async () => {
    const rows = await bed.sql(
      'SELECT account_sub FROM refresh_tokens WHERE slots_taken > $1 ORDER BY account_sub',
      [LIMIT],
    );
    return rows.map((row) => row['account_sub']);
  };
  expect(await uncounted()).toEqual(expect.arrayContaining(failing));
  try {
    await until(async () => {
      bed.clock.advance(61);
      return (await uncounted()).length < failing.length + 1;
    });
    expect(await uncounted()).toEqual(failing);
  } finally {
    await bed.sql('DROP TRIGGER refuse ON refresh_tokens');
  }
  await until(async () => {
    bed.clock.advance(61);
    return (await uncounted()).length === 0;
  });
});
