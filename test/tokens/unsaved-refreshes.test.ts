import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { Database } from '../../src/token-store/client/database.js';
import { fromRow } from '../../src/token-store/grants/grant-row.js';
import { credentialAad } from '../../src/token-store/sealed/aad.js';
import { testOfOneServer } from '../support/cluster.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { setTimeout as pause } from 'node:timers/promises';

/** Responses of Google that the database does not accept: a full disk, an outage. */
let bed: TestBed;
beforeAll(async () => {
  // Longer than what is done while Google answers.
  bed = await startTestBed({ GOOGLE_TIMEOUT_MS: '20000' });
  await bed.sql(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` }, { account: ALICE.email });
  bed.clock.advance(3600);
  bed.google.control.clearRequests();
});
afterAll(() => bed.stop());

const asked = () => bed.google.control.count('token');
const fail = (statement: string, table: string) =>
  bed.sql(`CREATE TRIGGER failing BEFORE ${statement} ON ${table} FOR EACH ROW EXECUTE FUNCTION fail()`);
const heal = (table: string) => bed.sql(`DROP TRIGGER failing ON ${table}`);
const isSaved = async () =>
  (await bed.sql('SELECT 1 FROM access_tokens WHERE expires_at > $1', [bed.clock.now()])).length > 0;
const tokenOf = ({ body }: { body: Record<string, unknown> }) => String(body['access_token']);

test('a token that cannot be saved is served to all callers after one request to Google', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  const crowd = await Promise.all(Array.from({ length: 30 }, () => bed.api.token('alice')));
  const queue = [];
  for (let call = 0; call < 30; call++) queue.push(await bed.api.token('alice'));
  expect(new Set([...crowd, ...queue].map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set([...crowd, ...queue].map(tokenOf)).size).toBe(1);
  expect(asked()).toBe(1);
  expect(await isSaved()).toBe(false);
  expect(bed.log()).toContain('could not be saved');

  await heal('access_tokens');
  await until(isSaved);
  // A new process reads it from the database.
  await bed.restart();
  expect(tokenOf(await bed.api.token('alice'))).toBe(tokenOf(crowd[0] as (typeof crowd)[0]));
  expect(asked()).toBe(1);
});

test('Google is not asked again, for any scopes, before a new refresh token is saved', async () => {
  bed.google.control.rotateRefreshTokens(true);
  await fail('INSERT OR UPDATE', 'access_tokens');
  expect((await bed.api.token('alice')).status).toBe(200);
  bed.clock.advance(3590);
  for (let call = 0; call < 20; call++) {
    await bed.api.token('alice', { min_ttl: '3000' });
    await bed.api.token('alice', { min_ttl: '3000', scope: YOUTUBE });
    await pause(100);
  }
  const count = asked();
  // Nor does another replica ask, with the refresh token that the row has.
  const leases = await bed.sql(
    'SELECT 1 FROM grants WHERE lease_owner IS NOT NULL AND lease_expires_at > now()',
  );
  await heal('access_tokens');
  expect([count, leases.length]).toEqual([1, 1]);
  await until(isSaved);
  bed.clock.advance(60);
  expect((await bed.api.token('alice')).status).toBe(200);
  expect(asked()).toBe(2);
});

test('a token that cannot be saved is served to all callers without a grant cache too', async () => {
  await bed.restart({ CACHE_USERS: '0' });
  await fail('INSERT OR UPDATE', 'access_tokens');
  for (let call = 0; call < 30; call++) expect((await bed.api.token('alice')).status).toBe(200);
  expect(asked()).toBe(1);
  await heal('access_tokens');
  await bed.restart();
});

test('a token that expires within min_ttl is served during the backoff', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  bed.google.control.overrideTokenResponse({ expires_in: 600 });
  for (let call = 0; call < 30; call++) {
    expect((await bed.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
  }
  expect(asked()).toBeLessThanOrEqual(4);
  await heal('access_tokens');
});

test('a token that cannot be saved is neither served nor saved after a disconnect', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  expect((await bed.api.token('alice')).status).toBe(200);
  const [grant] = await bed.sql('SELECT id FROM grants');
  await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
  expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
  await heal('access_tokens');
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  const fresh = tokenOf(await bed.api.token('alice'));
  // When it would be saved, if it still were; the log says how long that takes.
  const waits = [...bed.log().matchAll(/"backoffMs":(\d+)/g)].map(([, ms]) => Number(ms));
  bed.clock.advance(Math.ceil((waits.at(-1) ?? 0) / 1000));
  await bed.app.get(Scheduler).runNow('save refreshes');
  expect(tokenOf(await bed.api.token('alice'))).toBe(fresh);
  expect(await bed.sql('SELECT 1 FROM access_tokens')).toHaveLength(1);
});

test('a token that cannot be saved is not served after the grant was ended by SQL', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  expect((await bed.api.token('alice')).status).toBe(200);
  await bed.sql(`UPDATE grants SET status = 'revoked'`);
  expect((await bed.api.token('alice')).status).toBe(410);
  await heal('access_tokens');
});

// Several servers refuse it: each would notify in a commit of two phases.
testOfOneServer('a token that cannot be saved is not served after TRUNCATE access_tokens', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  const before = tokenOf(await bed.api.token('alice'));
  await bed.sql('TRUNCATE access_tokens');
  expect(tokenOf(await bed.api.token('alice'))).not.toBe(before);
  await heal('access_tokens');
});

test('a new refresh token that cannot be saved is not lost', async () => {
  const rotated = '1//rotated-while-the-disk-was-full';
  await fail('UPDATE OF sealed_refresh_token', 'grants');
  bed.google.control.overrideTokenResponse({ refresh_token: rotated }, 1);
  for (let call = 0; call < 30; call++) expect((await bed.api.token('alice')).status).toBe(200);
  expect(asked()).toBe(1);
  await heal('grants');
  await until(isSaved);
  const row = await bed.app.get(Database).grant.findFirstOrThrow();
  const sealer = bed.app.get(Sealer);
  const { sealedRefreshToken, credentialVersion } = row;
  const aad = credentialAad(fromRow(row), credentialVersion ?? 0);
  const stored = await sealer.open(sealedRefreshToken ?? '', aad);
  expect(stored.reveal()).toBe(rotated);
  const booked = await bed.sql('SELECT fingerprint FROM refresh_tokens WHERE current');
  expect(booked).toEqual([
    { fingerprint: Buffer.from(sealer.fingerprint(new Secret(rotated), 'refresh-token')) },
  ]);
});

test('a narrowed grant that cannot be written is requested from Google once, and written later', async () => {
  await fail('UPDATE OF granted_scopes', 'grants');
  bed.google.control.failNext('token', { named: 'invalid_scope' });
  const less = `${YOUTUBE} https://www.googleapis.com/auth/adwords`;
  bed.google.control.overrideTokenResponse({ scope: less }, 1);
  for (let call = 0; call < 10; call++) expect((await bed.api.token('alice')).status).toBe(503);
  // Once with scopes, once without.
  expect(asked()).toBe(2);
  await heal('grants');
  const scopes = async () => (await bed.sql('SELECT granted_scopes AS scopes FROM grants'))[0]?.['scopes'];
  await until(async () => JSON.stringify(await scopes()) === JSON.stringify([YOUTUBE]));
  expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
});

/** The refresh of alice's grant is under way, and Google has not answered, while something else is done. */
const duringRefresh = async (doing: () => Promise<unknown>) => {
  const answering = Promise.withResolvers<undefined>();
  bed.google.control.failNext('token', { until: answering.promise });
  const call = bed.api.token('alice');
  await until(() => asked() === 1);
  await doing();
  answering.resolve(undefined);
  return call;
};
const sendSecurityEvent = (type: string) => {
  const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
  return bed.google.control.sendSecurityEvent({ type, subject, to: `${bed.url}/security-events/google` });
};

test.each([
  ['its sessions were revoked', () => sendSecurityEvent('sessions-revoked')],
  [
    'another grant of the account ended alone',
    async () => {
      const { body } = await bed.api.get('/users/bob/grants');
      const [grant] = body['grants'] as { id: string }[];
      const [token] = bed.google.control.liveRefreshTokens(ALICE.sub, 'second');
      bed.google.control.endRefreshToken(token ?? '');
      expect((await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'revoke' })).status).toBe(200);
    },
  ],
])('a new refresh token is stored although %s meanwhile', async (_, change) => {
  await bed.api.connect({ user_id: 'bob', client: 'second', scope: YOUTUBE }, { account: ALICE.email });
  bed.google.control.clearRequests();
  const version = async () =>
    Number((await bed.sql(`SELECT version FROM grants WHERE user_id = 'alice'`))[0]?.['version']);
  const before = await version();
  const call = await duringRefresh(async () => {
    await change();
    expect(await version()).toBeGreaterThan(before);
    bed.google.control.rotateRefreshTokens(true);
  });
  expect(call.status).toBe(200);
  bed.clock.advance(3600);
  expect((await bed.api.token('alice')).status).toBe(200);
});

test('a new refresh token is stored although its grant was suspended meanwhile', async () => {
  const call = await duringRefresh(async () => {
    await sendSecurityEvent('account-disabled');
    bed.google.control.rotateRefreshTokens(true);
  });
  expect(call.status).toBe(410);
  await sendSecurityEvent('account-enabled');
  expect((await bed.api.token('alice')).status).toBe(200);
});

test('a new refresh token whose grant got another meanwhile still occupies a slot in the ledger', async () => {
  const call = await duringRefresh(async () => {
    await bed.api.connect({ user_id: 'alice', scope: ADS }, { account: ALICE.email });
    bed.google.control.overrideTokenResponse({ refresh_token: '1//too-late' }, 1);
  });
  expect(call.status).toBe(200);
  expect(
    await bed.sql('SELECT current FROM refresh_tokens WHERE ended_at IS NULL ORDER BY sequence'),
  ).toEqual([{ current: false }, { current: true }, { current: false }]);
});

test('a dead grant that cannot be written is reported to all callers after one request to Google', async () => {
  await fail('UPDATE OF diagnosis', 'grants');
  bed.google.control.revokeByUser(ALICE.sub, 'project-a');
  for (let call = 0; call < 30; call++) {
    const response = await bed.api.token('alice');
    expect([response.status, response.body['cause']]).toEqual([410, 'user_revoked']);
  }
  expect(asked()).toBe(1);
  await heal('grants');
  await until(
    async () => (await bed.sql(`SELECT 1 FROM grants WHERE status = 'reconnect_required'`)).length === 1,
  );
});

test('a narrowed grant that cannot be written has no token served for it, and Google is rarely asked', async () => {
  await fail('UPDATE OF granted_scopes', 'grants');
  bed.google.control.overrideTokenResponse({ scope: `openid ${YOUTUBE}` });
  for (let call = 0; call < 30; call++) {
    const response = await bed.api.token('alice');
    expect([response.status, response.body['code']]).toEqual([503, 'database_unavailable']);
  }
  expect(asked()).toBeLessThanOrEqual(6);
  await heal('grants');
  await until(async () => (await bed.api.token('alice')).status === 200);
  expect((await bed.api.token('alice')).body['scope']).toBe(`${YOUTUBE} openid`);
});

test('a database outage during a refresh leaves the waiting callers with the token, and later ones without', async () => {
  const admin = new pg.Client({ connectionString: `${process.env['TEST_POSTGRES_URL'] ?? ''}postgres` });
  await admin.connect();
  const name = new URL(bed.settings['DATABASE_URL'] ?? '').pathname.slice(1);
  bed.google.control.latency('token', 600);
  const waiting = [bed.api.token('alice'), bed.api.token('alice')];
  await until(async () => Promise.resolve(asked() === 1));
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = $1 AND application_name LIKE 'token-broker%'`,
    [name],
  );
  const responses = await Promise.all(waiting);
  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
  expect((await bed.api.token('alice')).status).toBeGreaterThanOrEqual(500);
  expect(asked()).toBe(1);
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await admin.end();
  await until(async () => (await bed.api.token('alice')).status === 200);
  expect(asked()).toBeLessThanOrEqual(2);
});

test('a rotated refresh token is saved where its lease is gone', async () => {
  bed.google.control.rotateRefreshTokens(true);
  bed.google.control.latency('token', 300);
  const response = bed.api.token('alice');
  await until(async () => (await bed.sql('SELECT FROM grants WHERE lease_owner IS NOT NULL')).length > 0);
  // As on a standby that was promoted before the lease came there.
  await bed.sql('UPDATE grants SET lease_owner = NULL, lease_expires_at = NULL');
  expect((await response).status).toBe(200);
  expect(asked()).toBe(1);
  bed.clock.advance(3600);
  expect((await bed.api.token('alice')).status).toBe(200);
});
