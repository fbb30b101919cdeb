/** Equal means equal: `_`, `%`, `\` and `*` in what comes from outside are characters like others. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { coversUser } from '../../src/domain/access/user-rule.js';
import { CoveredUsers } from '../../src/token-store/client/bounded-statements.js';
import { Database } from '../../src/token-store/client/database.js';
import { SlotLedgerRepository } from '../../src/token-store/grants/slot-ledger.repository.js';
import { Prisma } from '../../src/token-store/prisma-client/client.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const EMAILS = [
  'john_doe@example.com',
  'John.Doe@example.com',
  'johnxdoe@example.com',
  '100%@example.com',
  'a\\b@example.com',
  'MÜLLER@example.com',
];

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  await bed.reset();
  for (const email of EMAILS) await seed(email, email);
});
afterAll(() => bed.stop());

const seed = (userId: string, email: string) =>
  bed.sql(
    `INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
       sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
     VALUES (gen_random_uuid(), $1, 'default', 'sub of ' || $2, $2, ARRAY[$3], ARRAY[$3], 'active', 'x',
       now() - interval '1 hour', now() - interval '1 hour', now() - interval '1 hour')`,
    [userId, email, YOUTUBE],
  );

describe('a security event by email', () => {
  test.each([
    ['john_doe@example.com', ['john_doe@example.com']],
    ['JOHN_DOE@EXAMPLE.COM', ['john_doe@example.com']],
    ['john.doe@example.com', ['John.Doe@example.com']],
    ['100%@example.com', ['100%@example.com']],
    ['a\\b@example.com', ['a\\b@example.com']],
    ['a\\', []],
    ['%', []],
    ['_%@example.com', []],
    ['john*', []],
    ['.*', []],
    // Other letters have their case, and one that looks like a K has another.
    ['MÜLLER@EXAMPLE.com', ['MÜLLER@example.com']],
    ['\u212aohn_doe@example.com', []],
  ])("for %s finds that account's grants and no other", async (email, expected) => {
    const subject = { subject_type: 'id_token_claims', email };
    const to = `${bed.url}/security-events/google`;
    const { status } = (await bed.google.control.sendSecurityEvent({
      type: 'account-purged',
      subject,
      to,
    })) as {
      status?: number;
    };
    expect(status ?? 202).toBe(202);
    const left = (await bed.sql('SELECT account_email AS email FROM grants')).map((row) =>
      String(row['email']),
    );
    expect(EMAILS.filter((each) => !left.includes(each))).toEqual(expected);
  });
});

test.each([
  ['john_doe@example.com', 'sub of john_doe@example.com'],
  ['JOHN.DOE@example.com', 'sub of John.Doe@example.com'],
  ['sub of 100%@example.com', 'sub of 100%@example.com'],
  ['%', null],
  ['john%', null],
  ['sub of %', null],
  ['_________________@example.com', null],
])('the slot ledger finds the account of %s', async (named, sub) => {
  expect(await bed.app.get(SlotLedgerRepository).findAccount(named)).toBe(sub);
});

test('a service is revoked by its id or its name, and no other with it', async () => {
  const { ServicesRepository } = await import('../../src/token-store/services/services.repository.js');
  const store = bed.app.get(ServicesRepository);
  const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
  const policy = { clients: ['*'], scopes: ['*'], users: ['*'], ...rights };
  const add = (id: string, name: string) =>
    store.add({
      id,
      name,
      policy,
      createdAt: new Date(),
      credential: { kind: 'identity', issuer: id, subject: name },
    });
  await add('aaaaaaaaaaaa', 'first');
  await add('bbbbbbbbbbbb', 'aaaaaaaaaaaa');
  await add('cccccccccccc', 'a_______');
  const { ServiceRegistry } = await import('../../src/services/service-registry.js');
  const revoke = bed.app.get(ServiceRegistry);
  expect(await revoke.revoke('a%')).toBeNull();
  expect(await revoke.revoke('FIRST')).toBeNull();
  expect(await revoke.revoke('aaaaaaaaaaaa')).toMatchObject({ name: 'first', changed: true });
  const active = await bed.sql('SELECT id FROM services WHERE id ~ $1 AND revoked_at IS NULL', [
    '^[abc]{12}$',
  ]);
  expect(active.map(({ id }) => id).sort()).toEqual(['bbbbbbbbbbbb', 'cccccccccccc']);
});

test('the users of a policy are the same in SQL and in code', async () => {
  const ids = [
    'a',
    'ab',
    'a*',
    'a*b',
    'a_',
    'a%',
    'a\\',
    'A',
    'aé',
    'a\ud7ff',
    'a\ue000',
    'a\u{10000}',
    'a\u{10ffff}',
    'b',
  ];
  const rules = ['a', 'a*', 'a\\*', 'a\\**', 'a_*', 'a%*', 'a\\\\*', 'a\ud7ff*', 'a\u{10ffff}*', '*', 'a*b'];
  for (const policy of [...rules.map((rule) => [rule]), ['a', 'b', 'a_*'], ['a\\**', 'a\\\\*', 'aé']]) {
    const { predicate } = new CoveredUsers(policy);
    const rows = await bed.app
      .get(Database)
      .$queryRaw<{ id: string }[]>(
        Prisma.sql`SELECT user_id AS id FROM unnest(${ids}::text[]) AS listed(user_id) WHERE ${predicate}`,
      );
    expect([policy, rows.map(({ id }) => id)]).toEqual([policy, ids.filter((id) => coversUser(policy, id))]);
  }
});

test('the forecast is the same in SQL and in code', async () => {
  const { forecast } = await import('../../src/domain/grant/expiry-forecast.js');
  const { GrantsRepository } = await import('../../src/token-store/grants/grants.repository.js');
  await bed.sql(
    `INSERT INTO grants (id, user_id, client, account_sub, requested_scopes, granted_scopes, status, kind,
       sealed_refresh_token, refresh_token_issued_at, refresh_token_expires_at, created_at, consented_at, refreshed_at)
     SELECT gen_random_uuid(), 'many', 'default', 's' || n, ARRAY[$1],
       CASE n % 3 WHEN 0 THEN ARRAY['openid', 'https://www.googleapis.com/auth/userinfo.email'] WHEN 1 THEN ARRAY[$1, 'openid'] ELSE '{}' END,
       (ARRAY['active', 'suspended', 'reconnect_required', 'active'])[1 + n % 4],
       CASE WHEN n % 7 = 0 THEN 'service_account' ELSE 'user' END, CASE WHEN n % 7 > 0 THEN 'x' END,
       now() - random() * interval '9 days', CASE WHEN n % 2 = 0 THEN now() + random() * interval '200 days' END,
       now(), now() - random() * interval '100 days', CASE WHEN n % 5 > 0 THEN now() - random() * interval '100 days' END
     FROM generate_series(1, 200) AS n`,
    [YOUTUBE],
  );
  const grants = await bed.app.get(GrantsRepository).findByUser('many');
  expect(grants).toHaveLength(200);
  for (const grant of grants) {
    const [row] = await bed.sql('SELECT expires_at, expires_at_in_testing FROM grants WHERE id = $1', [
      grant.id,
    ]);
    expect([row?.['expires_at'], row?.['expires_at_in_testing']]).toEqual([
      forecast(grant, false)?.at ?? null,
      forecast(grant, true)?.at ?? null,
    ]);
  }
});

test.each(['%', '_', 'alice_', 'ALICE@EXAMPLE.CO_'])(
  'an account=%s matches no account of hers',
  async (account) => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    const { status, body } = await bed.api.token('alice', { account });
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'not_connected', accounts: [{ sub: ALICE.sub, email: ALICE.email }] });
    expect((await bed.api.token('alice', { account: ALICE.email.toUpperCase() })).status).toBe(200);
  },
);
