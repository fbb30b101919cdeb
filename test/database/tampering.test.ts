import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { generateKey } from '../../src/services/service-key.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { ServicesRepository } from '../../src/token-store/services/services.repository.js';
import { Api, Browser } from '../support/api.js';
import { isCluster, testOfOneServer } from '../support/cluster.js';
import { ADS, ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

/**
 * A writer of the database is not a reader of tokens: each test is what an attacker could do with SQL alone, and then asks
 * over HTTP. Nothing of another's is handed out, the log and the metrics say so, and the neighbours go on working.
 */
let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

const failures = async (kind: string) => {
  // Not over HTTP, where an answer may be a second old.
  const text = await bed.app.get(Metrics).registry.metrics();
  const line = new RegExp(`^token_broker_integrity_failures_total\\{kind="${kind}"\\} (\\d+)$`, 'm').exec(
    text,
  );
  return Number(line?.[1] ?? 0);
};

/** What the log said at error level since a point. */
const alarmsSince = (from: number) =>
  bed
    .log()
    .slice(from)
    .split('\n')
    .filter((line) => line.includes('"context":"Integrity"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function expectAlarm(from: number, kind: string, row: Record<string, unknown> = {}): Promise<void> {
  expect(alarmsSince(from)).toContainEqual(
    expect.objectContaining({ level: 'error', kind, reason: expect.any(String), ...row }),
  );
  expect(await failures(kind)).toBeGreaterThan(0);
}

const REFUSED = { status: 500, body: { code: 'integrity_failed', who_must_act: 'operator' } };
/** Nothing is answered from a cache, as if time had passed. */
const forget = () => bed.sql(`SELECT pg_notify('token_broker', 'anything')`);

const grantOf = async (user: string) =>
  (await bed.sql('SELECT * FROM grants WHERE user_id = $1', [user]))[0] as Record<string, unknown>;

describe('a grant', () => {
  let from = 0;
  let secrets: Set<string>;
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    secrets = new Set([String((await bed.api.token('alice')).body['access_token'])]);
    from = bed.log().length;
  });

  const neighbourWorks = async () => {
    expect((await bed.api.token('bob', { min_ttl: '3000' })).status).toBe(200);
    expect((await bed.api.get('/users/alice/grants')).status).toBe(200);
    expect((await bed.api.get('/users/bob/grants')).status).toBe(200);
  };

  const rows = () =>
    bed.sql(`SELECT to_jsonb(g) AS grant, (SELECT jsonb_agg(t) FROM access_tokens t WHERE t.user_id = g.user_id AND t.grant_id = g.id) AS tokens,
      (SELECT jsonb_agg(r) FROM refresh_tokens r WHERE r.user_id = g.user_id AND r.grant_id = g.id) AS ledger
      FROM grants g WHERE user_id = 'alice'`);
  /** A row as stored, without what the database computes. */
  const columnsOf = async (table: string) => {
    const columns = await bed.sql(
      `SELECT string_agg(quote_ident(column_name), ', ') AS list FROM information_schema.columns
       WHERE table_name = $1 AND is_generated = 'NEVER'`,
      [table],
    );
    return String(columns[0]?.['list']);
  };
  const insertBack = async (table: string, kept: unknown) => {
    const columns = await columnsOf(table);
    await bed.sql(
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(kept)],
    );
  };
  const putBack = async (kept: Record<string, unknown>, columns: string) => {
    await bed.sql(
      `UPDATE grants SET (${columns}) = (SELECT ${columns} FROM jsonb_populate_record(NULL::grants, $1)) WHERE user_id = 'alice'`,
      [kept['grant']],
    );
  };
  test.each([
    ['its client', `client = 'second'`, 'alice', { client: 'second' }],
    ['its account', `account_sub = '999'`, 'alice', {}],
    ['its email', `account_email = 'mallory@example.com'`, 'alice', {}],
    [
      'what was granted',
      `granted_scopes = granted_scopes || '{${ADS}}', requested_scopes = requested_scopes || '{${ADS}}'`,
      'alice',
      { scope: ADS },
    ],
    ['what was asked for', `requested_scopes = requested_scopes || '{${ADS}}'`, 'alice', {}],
    ['whom it acts for', `subject = 'ceo@example.com'`, 'alice', {}],
    ['when it was consented to', `consented_at = consented_at + interval '1 year'`, 'alice', {}],
    ['when its token expires', `refresh_token_expires_at = now() + interval '1 year'`, 'alice', {}],
    ['when its token was issued', `refresh_token_issued_at = now() + interval '1 year'`, 'alice', {}],
    ['which seal it has', `credential_version = credential_version + 1`, 'alice', {}],
    // Several servers refuse these.
    ...(isCluster
      ? []
      : ([
          ['its user', `user_id = 'mallory'`, 'mallory', {}],
          ['its id', `id = gen_random_uuid()`, 'alice', {}],
        ] as const)),
  ])('is refused after %s was changed', async (_, change, user, query: Record<string, string>) => {
    for (const drops of ['', 'DELETE FROM access_tokens']) {
      if (drops) await bed.sql(drops);
      await bed.sql(`UPDATE grants SET ${change} WHERE account_sub IN ('${ALICE.sub}', '999')`);
      await forget();
      const asked = bed.google.control.count('token', 'refresh_token');
      expect(await bed.api.token(user, query)).toMatchObject(REFUSED);
      expect(bed.google.control.count('token', 'refresh_token')).toBe(asked);
    }
    await expectAlarm(from, 'credential', { grant: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    await neighbourWorks();
  });

  testOfOneServer('that was moved gives away neither tokens nor the Google Ads accounts', async () => {
    const { id } = await grantOf('alice');
    await bed.sql(`INSERT INTO ads_trees SELECT $1, '{}', now(), user_id FROM grants WHERE id = $1`, [id]);
    await bed.sql(`UPDATE grants SET user_id = 'mallory', granted_scopes = '{${ADS}}' WHERE id = $1`, [id]);
    await forget();
    expect(await bed.api.get('/users/mallory/ads/customers')).toMatchObject(REFUSED);
  });

  test('that is intact is not blocked by a planted one beside it', async () => {
    const [kept = {}] = await rows();
    await insertBack('grants', [{ ...(kept['grant'] as object), id: randomUUID(), user_id: 'bob' }]);
    await forget();
    const { status, body } = await bed.api.token('bob');
    expect([status, body['account']]).toEqual([200, { sub: BOB.sub, email: BOB.email }]);
    expect(await bed.api.token('bob', { account: ALICE.sub })).toMatchObject(REFUSED);
    await expectAlarm(from, 'credential');
  });

  test.each([
    ['grants', 'consented_at'],
    ['grants', 'refresh_token_issued_at'],
    ['grants', 'refresh_token_expires_at'],
    ['grants', 'refreshed_at'],
    ['grants', 'created_at'],
    ['access_tokens', 'expires_at'],
    ['access_tokens', 'obtained_at'],
  ])(
    'does not stop lists where %s.%s is no time, and they go on with its neighbours',
    async (table, column) => {
      const own = `${table === 'grants' ? 'id' : 'grant_id'} IN (SELECT id FROM grants WHERE user_id = 'alice')`;
      for (const value of ['infinity', '-infinity']) {
        await bed.sql(`UPDATE ${table} SET ${column} = $1 WHERE ${own}`, [value]);
        await forget();
        await neighbourWorks();
        expect((await bed.api.get('/grants', { expiring_within: '31000000' })).status).toBe(200);
        const { status, body } = await bed.api.token('alice');
        expect(status === 200 || body['code'] === 'integrity_failed').toBe(true);
      }
    },
  );

  test('with a lease for longer than any lasts blocks no caller', async () => {
    for (const until of [`now() + interval '1 hour'`, `'infinity'`]) {
      await bed.sql(`UPDATE grants SET lease_expires_at = ${until}, lease_owner = NULL`);
      await bed.sql('DELETE FROM access_tokens');
      await forget();
      expect((await bed.api.token('alice')).status).toBe(200);
    }
  });

  testOfOneServer("is refused where its token was swapped with another's", async () => {
    await bed.sql('DELETE FROM access_tokens');
    await bed.sql(
      `UPDATE grants a SET sealed_refresh_token = b.sealed_refresh_token FROM grants b WHERE a.id <> b.id`,
    );
    await forget();
    for (const user of ['alice', 'bob']) expect(await bed.api.token(user)).toMatchObject(REFUSED);
  });

  test.each([
    ...(isCluster
      ? []
      : [
          [
            'of another grant',
            `UPDATE access_tokens a SET sealed_token = b.sealed_token FROM access_tokens b WHERE a.grant_id <> b.grant_id`,
          ] as const,
        ]),
    ['of the same grant, for other scopes', `UPDATE access_tokens SET scope_set = 'openid'`],
    ['that lives longer', `UPDATE access_tokens SET expires_at = expires_at + interval '1 day'`],
    ['that came later', `UPDATE access_tokens SET obtained_at = obtained_at + interval '1 minute'`],
    [
      'that is a refresh token',
      `UPDATE access_tokens SET sealed_token = sealed_refresh_token FROM grants
        WHERE grants.user_id = access_tokens.user_id AND id = grant_id`,
    ],
  ])('has an access token %s replaced by a new one, and it is not handed out', async (_, change) => {
    await bed.sql(change);
    await bed.sql(`DELETE FROM access_tokens WHERE scope_set = 'openid'
      AND grant_id <> (SELECT id FROM grants WHERE user_id = 'alice')`);
    await forget();
    const asked = bed.google.control.count('token', 'refresh_token');
    const { status, body } = await bed.api.token('alice');
    expect(status).toBe(200);
    expect(secrets).not.toContain(body['access_token']);
    expect(bed.google.control.count('token', 'refresh_token')).toBe(asked + 1);
    await expectAlarm(from, 'access_token', { grant: (await grantOf('alice'))['id'] });
    await neighbourWorks();
  });

  test('does not hand out an access token that Google had dropped and that is put back', async () => {
    const [kept = {}] = await rows();
    const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub };
    const to = `${bed.url}/security-events/google`;
    await bed.google.control.sendSecurityEvent({ type: 'sessions-revoked', subject, to });
    expect(
      await bed.sql('SELECT 1 FROM access_tokens t JOIN grants g USING (user_id) WHERE g.user_id = $1', [
        'alice',
      ]),
    ).toEqual([]);
    await insertBack('access_tokens', kept['tokens']);
    await forget();
    const { status, body } = await bed.api.token('alice');
    expect(status).toBe(200);
    expect(secrets).not.toContain(body['access_token']);
    await expectAlarm(from, 'access_token');
  });

  testOfOneServer('does not hand out an access token that was moved to it with its key', async () => {
    await bed.sql(
      `UPDATE access_tokens SET (user_id, grant_id) = (SELECT user_id, id FROM grants WHERE user_id = 'bob'), scope_set = scope_set || ' moved'
       WHERE grant_id = (SELECT id FROM grants WHERE user_id = 'alice')`,
    );
    await forget();
    const { body } = await bed.api.token('bob');
    expect(secrets).not.toContain(body['access_token']);
    await expectAlarm(from, 'access_token');
  });

  /** A second consent with a refresh token of its own, for more. */
  const again = () =>
    bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });

  test('is refused with an older refresh token that is put back, alone and with all that its seal is bound to', async () => {
    const [kept = {}] = await rows();
    await again();
    await bed.sql('DELETE FROM access_tokens');
    await putBack(kept, 'sealed_refresh_token, status');
    await bed.restart();
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await putBack(
      kept,
      `sealed_refresh_token, credential_version, granted_scopes, requested_scopes, consented_at, refresh_token_issued_at,
        refresh_token_expires_at, account_email`,
    );
    await bed.restart();
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await expectAlarm(from, 'ledger', { grant: (await grantOf('alice'))['id'] });
    // Nor does the ledger believe that the older one is the current one.
    await bed.sql(`UPDATE refresh_tokens SET current = NOT current, ended_at = NULL WHERE user_id = 'alice'`);
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await bed.sql(
      `UPDATE refresh_tokens SET current = true,
         mac = (SELECT mac FROM refresh_tokens WHERE user_id = 'alice' AND mac IS NOT NULL LIMIT 1)
       WHERE user_id = 'alice'`,
    );
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await neighbourWorks();
  });

  test('that is put back as a whole older row is detected by a process that saw the newer one', async () => {
    const [kept = {}] = await rows();
    await again();
    expect((await bed.api.token('alice')).status).toBe(200);
    await bed.sql('DELETE FROM access_tokens');
    const columns = (await columnsOf('grants')).split(', ').filter((column) => column !== 'user_id');
    await putBack(kept, columns.join(', '));
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await expectAlarm(from, 'rollback', { grant: (await grantOf('alice'))['id'] });
    await neighbourWorks();
  });

  test('is refused where it was disconnected and is put back whole', async () => {
    const [kept = {}] = await rows();
    const id = String((await grantOf('alice'))['id']);
    expect((await bed.api.delete(`/grants/${id}`, { mode: 'local' })).status).toBe(200);
    expect((await bed.api.token('alice')).status).toBe(404);
    await insertBack('grants', [kept['grant']]);
    await insertBack('access_tokens', kept['tokens']);
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await expectAlarm(from, 'rollback');
    // One that never saw it asks the ledger before it asks Google.
    await bed.sql('DELETE FROM access_tokens');
    await bed.restart();
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await expectAlarm(from, 'ledger');
  });

  test.each(['revoked', 'reconnect_required', 'suspended'])(
    'is refused where it is %s and called active',
    async (status) => {
      const [kept = {}] = await rows();
      const to = `${bed.url}/security-events/google`;
      const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub };
      if (status === 'suspended') {
        await bed.google.control.sendSecurityEvent({ type: 'account-disabled', subject, to });
      } else if (status === 'revoked') {
        await bed.google.control.sendSecurityEvent({ type: 'tokens-revoked', subject, to });
      } else {
        bed.google.control.failNext('token', { named: 'invalid_grant_expired_or_revoked' });
        await bed.sql('DELETE FROM access_tokens');
        await bed.restart();
        await bed.api.token('alice');
      }
      expect((await grantOf('alice'))['status']).toBe(status);
      await bed.restart();
      for (const columns of [
        'status',
        'status, sealed_refresh_token',
        'status, sealed_refresh_token, refresh_token_expires_at, credential_version',
      ]) {
        await putBack(kept, columns);
        expect(await bed.api.token('alice')).toMatchObject(REFUSED);
      }
      await neighbourWorks();
    },
  );

  describe('whose revocation is not finished', () => {
    const begin = async () => {
      bed.google.control.failAlways('revoke', { status: 503, body: '' });
      expect((await revoke()).status).toBe(202);
      await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour', attempt_id = NULL`);
    };
    const revoke = async () =>
      bed.api.delete(`/grants/${String((await grantOf('alice'))['id'])}`, { mode: 'revoke' });
    const finish = async () => {
      bed.google.control.reset();
      await bed.sql('UPDATE revocations SET next_attempt_at = now()');
      const open = () => bed.sql('SELECT 1 FROM revocations WHERE finished_at IS NULL');
      await until(async () => (await open()).length === 0);
    };
    /** Neither from memory nor from the database, nor from Google, nor by a process that starts now. */
    const expectNoToken = async (user = 'alice', query = {}, ways = [false, true]) => {
      for (const restarts of ways) {
        if (restarts) await bed.restart();
        await forget();
        const asked = bed.google.control.count('token', 'refresh_token');
        const { status, body } = await bed.api.token(user, query);
        expect([410, 500]).toContain(status);
        expect(body).not.toHaveProperty('access_token');
        expect(bed.google.control.count('token', 'refresh_token')).toBe(asked);
      }
    };
    const FREED = `status = 'active', revocation_id = NULL, revoking_from = NULL`;

    test.each([
      ['it is called active', [`UPDATE grants SET status = 'active'`]],
      ['the row of its revocation is deleted', ['DELETE FROM revocations']],
      [
        'the row of its revocation is deleted and it is called active',
        ['DELETE FROM revocations', `UPDATE grants SET ${FREED}`],
      ],
      ['it is called active and not revoking', [`UPDATE grants SET ${FREED}`]],
      [
        'it is called active and was active before',
        [`UPDATE grants SET status = 'active', revocation_id = NULL`],
      ],
      [
        'its revocation is called finished',
        ['UPDATE revocations SET finished_at = now()', `UPDATE grants SET ${FREED}`],
      ],
    ])('gives no token when %s', async (_, changes) => {
      const [kept = {}] = await rows();
      await begin();
      for (const change of changes)
        await bed.sql(change.replace(/UPDATE grants.*/, `$& WHERE user_id = 'alice'`));
      await expectNoToken();
      await insertBack('access_tokens', kept['tokens']);
      await expectNoToken();
      // This process saw the newer seal; one that starts later asks the ledger before it asks Google.
      await putBack(kept, 'sealed_refresh_token, credential_version');
      await expectNoToken('alice', {}, [false]);
      await bed.sql('DELETE FROM access_tokens');
      await expectNoToken();
      await neighbourWorks();
      await bed.sql('DELETE FROM revocations');
    });

    test('dies with its sibling although it was called active', async () => {
      await bed.api.connect(
        { user_id: 'alice-too', scope: YOUTUBE, client: 'second' },
        { account: ALICE.email },
      );
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
      await begin();
      await bed.sql(`UPDATE grants SET ${FREED} WHERE user_id = 'alice-too'`);
      await expectNoToken('alice-too', { client: 'second' });
      await finish();
      expect((await grantOf('alice-too'))['status']).toBe('revoked');
    });

    test('stays suspended after a revocation that does not end it', async () => {
      const [token] = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
      await bed.api.connect(
        { user_id: 'alice-too', scope: YOUTUBE, client: 'second' },
        { account: ALICE.email },
      );
      const to = `${bed.url}/security-events/google`;
      const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub };
      await bed.google.control.sendSecurityEvent({ type: 'account-disabled', subject, to });
      for (const when of ['before', 'after']) {
        if (when === 'before')
          await bed.sql(`UPDATE grants SET revoking_from = 'active' WHERE user_id = 'alice-too'`);
        else await begin();
        await bed.sql(`UPDATE grants SET revoking_from = 'active' WHERE user_id = 'alice-too'`);
      }
      bed.google.control.endRefreshToken(token ?? '');
      await finish();
      await expectNoToken('alice-too', { client: 'second' });
    });
  });

  test('does not get an older refresh token signed by a change', async () => {
    const [kept = {}] = await rows();
    await again();
    await bed.sql('DELETE FROM access_tokens');
    await putBack(
      kept,
      `sealed_refresh_token, credential_version, granted_scopes, requested_scopes, consented_at, refresh_token_issued_at,
        refresh_token_expires_at, account_email`,
    );
    await bed.sql('UPDATE refresh_tokens SET current = true, ended_at = NULL');
    const { id } = await grantOf('alice');
    await bed.sql('UPDATE refresh_tokens SET grant_id = $1 WHERE account_sub = $2', [id, ALICE.sub]);
    await bed.restart();
    const to = `${bed.url}/security-events/google`;
    const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub };
    bed.clock.advance(2);
    await bed.google.control.sendSecurityEvent({ type: 'sessions-revoked', subject, to });
    expect(await bed.api.token('alice')).toMatchObject(REFUSED);
    await expectAlarm(from, 'ledger');
  });

  test('goes on with its token once Google enables the suspended account', async () => {
    const to = `${bed.url}/security-events/google`;
    const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub };
    await bed.google.control.sendSecurityEvent({ type: 'account-disabled', subject, to });
    expect((await bed.api.token('alice')).status).toBe(410);
    bed.clock.advance(2);
    await bed.google.control.sendSecurityEvent({ type: 'account-enabled', subject, to });
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(alarmsSince(from)).toEqual([]);
  });

  test('that was changed passes nothing on to a consent', async () => {
    await bed.sql(`UPDATE grants SET requested_scopes = requested_scopes || '{${ADS}}',
      granted_scopes = granted_scopes || '{${ADS}}' WHERE user_id = 'alice'`);
    // Google gives no refresh token without a consent screen: the one that is held must open, or it is asked once more.
    const ticket = { user_id: 'alice', scope: YOUTUBE };
    const done = await bed.api.connect(ticket, { account: ALICE.email });
    expect([done.status, done.text]).toEqual([200, expect.stringContaining('Connected')]);
    const { requested_scopes: requested } = await grantOf('alice');
    expect(requested).not.toContain(ADS);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  test('raises no alarm for consents, refreshes and events without tampering', async () => {
    await again();
    bed.google.control.overrideTokenResponse({ refresh_token: '1//rotated' });
    bed.clock.advance(700);
    expect((await bed.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
    expect((await grantOf('alice'))['credential_version']).toBe(3);
    bed.google.control.overrideTokenResponse({});
    await forget();
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(alarmsSince(from)).toEqual([]);
  });

  test.each([
    ['of another grant', `grant_id = (SELECT id FROM grants WHERE user_id = 'bob')`],
    ['of another account', `account_sub = '${BOB.sub}'`],
    ['of other clients', `clients = clients || '{elsewhere}'`],
    [
      'with the token of another row',
      `sealed_token = (SELECT sealed_refresh_token FROM grants WHERE user_id = 'bob')`,
    ],
  ])('is not ended by a revocation that was made one %s', async (_, change) => {
    bed.google.control.failAlways('revoke', { status: 503, body: '' });
    const { id } = await grantOf('alice');
    await bed.api.delete(`/grants/${String(id)}`, { mode: 'revoke' });
    await bed.sql(`UPDATE revocations SET ${change}, next_attempt_at = now(), attempt_id = NULL`);
    bed.google.control.reset();
    await bed.app.get(Scheduler).runNow('resume revocations');
    await expectAlarm(from, 'revocation');
    expect(bed.google.control.count('revoke')).toBe(0);
    expect((await bed.api.token('bob')).status).toBe(200);
    await bed.sql('DELETE FROM revocations');
  });
});

describe('a service', () => {
  let from = 0;
  beforeEach(() => {
    from = bed.log().length;
  });
  const UNKNOWN = { status: 401, body: { code: 'unauthenticated' } };
  const idOf = ({ key }: Api) => key.split('_')[1] ?? '';

  test.each([
    ['planted without a MAC', 'NULL'],
    ['planted with a MAC that was made up', `decode('${'ab'.repeat(32)}', 'hex')`],
    ['planted with the MAC of another', '(SELECT mac FROM services LIMIT 1)'],
  ])('is refused where it was %s', async (_, mac) => {
    const { id, key, hash } = generateKey();
    await bed.sql(
      `INSERT INTO services (id, name, key_hash, clients, scopes, users, audit, created_at, mac)
       VALUES ($1, $2, $3, '{*}', '{*}', '{*}', true, now(), ${mac})`,
      [id, `planted ${id}`, Buffer.from(hash)],
    );
    expect(await new Api(bed.url, key.reveal()).token('bob')).toMatchObject(UNKNOWN);
    await expectAlarm(from, 'service', { service: id });
    expect((await bed.api.get('/users/bob/grants')).status).toBe(200);
    // An operator sees it, and ends it.
    const unverified = await bed.app.get(ServicesRepository).listUnverified();
    expect(unverified.map((service) => service.id)).toContain(id);
    expect(await bed.app.get(ServiceRegistry).revoke(id)).toMatchObject({ id, changed: true });
  });

  test.each([
    ['its users', `users = '{*}'`],
    ['its scopes', `scopes = '{*}'`],
    ['its clients', `clients = '{*}'`],
    ['its right to the audit trail', 'audit = true'],
    ['its right to disconnect', 'disconnect = NOT disconnect'],
    ['its right to revoke', 'revoke = NOT revoke'],
    ['its right to force a connect', 'force = NOT force'],
    ['its name', `name = 'another user'`],
    ['its key', `key_hash = decode('${'00'.repeat(32)}', 'hex')`],
    ['its proof', `key_hash = NULL, issuer = 'https://issuer.example.com', subject = 'mallory'`],
    ['its age', `created_at = created_at - interval '1 day'`],
    ['its id', `id = 'aaaaaaaaaaaa'`],
    ['whether it is revoked', 'revoked_at = now()'],
  ])('is refused after %s changed', async (_, change) => {
    const narrow = await bed.service({ users: ['bob'], scopes: [YOUTUBE], clients: ['default'] });
    expect((await narrow.get('/users/bob/grants')).status).toBe(200);
    await bed.sql(`UPDATE services SET ${change} WHERE id = $1`, [idOf(narrow)]);
    expect(await narrow.get('/users/bob/grants')).toMatchObject(UNKNOWN);
    // Who is revoked is not looked at any more.
    if (!/^(id|revoked_at) =/.test(change)) await expectAlarm(from, 'service', { service: idOf(narrow) });
    expect((await bed.api.get('/users/bob/grants')).status).toBe(200);
  });

  test('cannot hold a policy that cannot be read, and neither can any other row with an array', async () => {
    const narrow = await bed.service({ users: ['bob'] });
    await expect(
      bed.sql(`UPDATE services SET scopes = '{NULL}' WHERE id = $1`, [idOf(narrow)]),
    ).rejects.toThrow('services_policy_without_null');
    const unguarded = await bed.sql(
      `SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attndims > 0 AND NOT EXISTS (
         SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c'
           AND pg_get_constraintdef(oid) LIKE '%array_position(' || a.attname || ', NULL::text) IS NULL%')`,
    );
    expect(unguarded).toEqual([]);
  });

  test.each(['infinity', '-infinity'])('that was made at %s does not stop all others', async (time) => {
    const [other, service] = [await bed.service(), await bed.service()];
    await bed.sql(`UPDATE services SET created_at = $1 WHERE id = $2`, [time, idOf(other)]);
    expect((await service.token('alice')).status).not.toBe(500);
    expect((await other.token('alice')).status).toBe(401);
    await bed.sql('DELETE FROM services WHERE id = $1', [idOf(other)]);
  });

  test('is refused where its key was swapped for that of another', async () => {
    const [narrow, wide] = [await bed.service({ users: ['bob'] }), await bed.service()];
    await bed.sql(
      'UPDATE services SET key_hash = (SELECT key_hash FROM services WHERE id = $1) WHERE id = $2',
      [idOf(narrow), idOf(wide)],
    );
    const forged = new Api(bed.url, narrow.key.replace(idOf(narrow), idOf(wide)));
    expect(await forged.get('/users/alice/grants')).toMatchObject(UNKNOWN);
    expect((await narrow.get('/users/bob/grants')).status).toBe(200);
  });

  test('is refused where it was revoked and is called active, by one column and by its whole row from before', async () => {
    const service = await bed.service();
    const [before] = await bed.sql('SELECT to_jsonb(s) AS row FROM services s WHERE id = $1', [
      idOf(service),
    ]);
    await bed.app.get(ServiceRegistry).revoke(idOf(service));
    const [revoked] = await bed.sql('SELECT key_hash FROM services WHERE id = $1', [idOf(service)]);
    expect(revoked).toEqual({ key_hash: null });
    await bed.sql('UPDATE services SET revoked_at = NULL WHERE id = $1', [idOf(service)]);
    expect(await service.get('/users/bob/grants')).toMatchObject(UNKNOWN);
    await bed.sql(
      `UPDATE services SET (revoked_at, key_hash, mac) =
         (SELECT revoked_at, key_hash, mac FROM jsonb_populate_record(NULL::services, $1)) WHERE id = $2`,
      [before?.['row'], idOf(service)],
    );
    expect(await service.get('/users/bob/grants')).toMatchObject(UNKNOWN);
    await expectAlarm(from, 'service', {
      service: idOf(service),
      reason: expect.stringContaining('previous row was restored'),
    });
  });

  test('is refused where its row is gone at a reading of all, and is put back whole', async () => {
    const service = await bed.service();
    expect((await service.get('/users/bob/grants')).status).toBe(200);
    const [before] = await bed.sql('DELETE FROM services s WHERE id = $1 RETURNING to_jsonb(s) AS row', [
      idOf(service),
    ]);
    expect(await service.get('/users/bob/grants')).toMatchObject(UNKNOWN);
    await bed.sql('INSERT INTO services SELECT * FROM jsonb_populate_record(NULL::services, $1)', [
      before?.['row'],
    ]);
    expect(await service.get('/users/bob/grants')).toMatchObject(UNKNOWN);
    await expectAlarm(from, 'service', {
      service: idOf(service),
      reason: expect.stringContaining('previous row was restored'),
    });
  });

  test('is served as before where another key ring takes the place of the file, and so are its users', async () => {
    const service = await bed.service();
    expect((await service.get('/users/bob/grants')).status).toBe(200);
    const path = bed.settings['KEY_RING_FILE'] ?? '';
    const ring = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, generateKeyRing(new Date()));
      await bed.app.get(Sealer).reload();
      await forget();
      expect((await service.get('/users/bob/grants')).status).toBe(200);
    } finally {
      writeFileSync(path, ring);
      await bed.app.get(Sealer).reload();
    }
    expect((await service.get('/users/bob/grants')).status).toBe(200);
  });

  test('is served where a reading of all that began before it was there ends after a newer one', async () => {
    const older = bed.app.get(ServicesRepository).listActive();
    await older.next();
    const service = await bed.service();
    expect((await service.get('/users/bob/grants')).status).toBe(200);
    await older.next();
    await forget();
    expect((await service.get('/users/bob/grants')).status).toBe(200);
    // What the newer one saw still counts.
    await bed.sql('DELETE FROM services WHERE id = $1', [idOf(service)]);
    expect(await service.get('/users/bob/grants')).toMatchObject(UNKNOWN);
  });
});

describe('an authorization request', () => {
  let from = 0;
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    from = bed.log().length;
  });
  const set = (member: string, value: unknown) =>
    `connect_request = jsonb_set(connect_request, '{${member}}', '${JSON.stringify(value)}')`;

  test.each([
    ['its user', set('userId', 'mallory')],
    ['its client', set('client', 'second')],
    ['its scopes', set('scopes', [ADS])],
    ['where it leads back to', set('returnTo', 'https://evil.example.com/')],
    ['which account it must be', set('requireAccount', null)],
    ['whose it is', set('serviceId', 'aaaaaaaaaaaa')],
    ['whether it waits for the app', set('confirm', false)],
    ['whether it may harm another', set('force', true)],
    ['what it is for', `purpose = 'identify'`],
    ['whether a consent was forced', 'forced_consent = NOT forced_consent'],
    ['its nonce', `nonce_hash = decode('${'00'.repeat(32)}', 'hex')`],
    ['its browser', `browser_hash = decode('${'00'.repeat(32)}', 'hex')`],
    ['its ticket', `ticket_id = 'another'`],
    ['how long it may take', `expires_at = expires_at + interval '1 day'`],
    ['when it began', `created_at = created_at + interval '1 second'`],
  ])('is refused after %s changed', async (_, change) => {
    const browser = new Browser();
    const consent = await browser.begin(
      await bed.api.connectUrl({
        user_id: 'alice',
        scope: YOUTUBE,
        return_to: `${APP}/done`,
        require_account: { email: ALICE.email },
        confirm: true,
      }),
    );
    const back = await visitConsent(consent, { account: ALICE.email });
    await bed.sql(`UPDATE authorization_requests SET ${change}`);
    const { status, text } = await browser.open(back);
    expect(status).toBe(400);
    expect(text).toContain('belongs to no connect that is in progress');
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    expect(bed.google.control.count('token', 'authorization_code')).toBe(0);
    await expectAlarm(from, 'authorization_request', { ticket: expect.any(String) });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    expect((await bed.api.token('bob')).status).toBe(200);
  });

  const pending = async (user: string, account: string) => {
    const ticket = { user_id: user, scope: YOUTUBE, return_to: `${APP}/done`, confirm: true };
    const { headers } = await bed.api.connect(ticket, { account });
    return new URL(headers.get('location') ?? '').searchParams.get('connect_code') ?? '';
  };

  test.each([
    [
      'put under the code of another',
      `UPDATE pending_consents a SET sealed_consent = b.sealed_consent FROM pending_consents b
       WHERE a.code_hash <> b.code_hash`,
    ],
    ['kept for longer', `UPDATE pending_consents SET expires_at = expires_at + interval '1 day'`],
  ])('does not complete with a consent that waits for the app and was %s', async (_, change) => {
    const codes = [await pending('alice', ALICE.email), await pending('bob', BOB.email)];
    expect(codes).not.toContain('');
    await bed.sql(change);
    for (const [at, user_id] of ['alice', 'bob'].entries()) {
      const response = await bed.api.post('/connect/completions', { code: codes[at], user_id });
      expect(response).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    await expectAlarm(from, 'pending_consent');
  });

  test('has digests of one purpose that are of no use for another', async () => {
    const browser = new Browser();
    await browser.begin(await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE }));
    const [row] = await bed.sql('SELECT * FROM authorization_requests');
    const hashes = [row?.['state_hash'], row?.['nonce_hash'], row?.['browser_hash']].map(String);
    expect(new Set(hashes).size).toBe(3);
    const [cookie = ''] = browser.cookies.keys();
    const stateHash = Buffer.from(row?.['state_hash'] as Uint8Array).toString('base64url');
    expect(cookie).not.toContain(stateHash.slice(0, 12));
  });
});
