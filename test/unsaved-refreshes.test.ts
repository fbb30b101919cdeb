import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Secret } from '../src/domain/secret.js';
import { Sealer } from '../src/sealing/sealer.js';
import { Database } from '../src/token-store/client/database.js';
import { fromRow } from '../src/token-store/grants/grant-row.js';
import { credentialAad } from '../src/token-store/sealed/aad.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from './support/test-bed.js';

/** Google answers, and the database does not take it: a full disk, an outage. */
let world: TestBed;
beforeAll(async () => {
  world = await startTestBed();
  await world.sql(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
});
beforeEach(async () => {
  world.google.control.reset();
  await world.reset();
  await world.api.connect(
    { user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
    { account: ALICE.email },
  );
  world.clock.advance(3600);
  world.google.control.clearRequests();
});
afterAll(() => world.stop());

const asked = () => world.google.control.count('token');
const fail = (statement: string, table: string) =>
  world.sql(`CREATE TRIGGER failing BEFORE ${statement} ON ${table} FOR EACH ROW EXECUTE FUNCTION fail()`);
const heal = (table: string) => world.sql(`DROP TRIGGER failing ON ${table}`);
const until = async (look: () => Promise<boolean>) => {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('It did not happen in time.');
};
const isSaved = async () =>
  (await world.sql('SELECT 1 FROM access_tokens WHERE expires_at > $1', [world.clock.now()])).length > 0;
const tokenOf = ({ body }: { body: Record<string, unknown> }) => String(body['access_token']);

test('a token that cannot be saved goes to all who wait and to those who come next; Google is asked once', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  const crowd = await Promise.all(Array.from({ length: 30 }, () => world.api.token('alice')));
  const queue = [];
  for (let call = 0; call < 30; call++) queue.push(await world.api.token('alice'));
  expect(new Set([...crowd, ...queue].map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set([...crowd, ...queue].map(tokenOf)).size).toBe(1);
  expect(asked()).toBe(1);
  expect(await isSaved()).toBe(false);
  expect(world.log()).toContain('could not be saved');

  await heal('access_tokens');
  await until(isSaved);
  // From the database by now.
  await world.restart();
  expect(tokenOf(await world.api.token('alice'))).toBe(tokenOf(crowd[0] as (typeof crowd)[0]));
  expect(asked()).toBe(1);
});

test('without memory of grants it is the same', async () => {
  await world.restart({ MEMORY_USERS: '0' });
  await fail('INSERT OR UPDATE', 'access_tokens');
  for (let call = 0; call < 30; call++) expect((await world.api.token('alice')).status).toBe(200);
  expect(asked()).toBe(1);
  await heal('access_tokens');
  await world.restart();
});

test('one that lives shorter than asked for beats none, while the grant backs off', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  world.google.control.overrideTokenAnswer({ expires_in: 600 });
  for (let call = 0; call < 30; call++) {
    expect((await world.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
  }
  expect(asked()).toBeLessThanOrEqual(4);
  await heal('access_tokens');
});

test('disconnected meanwhile: it is served to nobody, and saved never', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  expect((await world.api.token('alice')).status).toBe(200);
  const [grant] = await world.sql('SELECT id FROM grants');
  await world.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
  expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
  await heal('access_tokens');
  await world.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  const fresh = tokenOf(await world.api.token('alice'));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(tokenOf(await world.api.token('alice'))).toBe(fresh);
  expect(await world.sql('SELECT 1 FROM access_tokens')).toHaveLength(1);
});

test('ended by SQL: it is served to nobody', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  expect((await world.api.token('alice')).status).toBe(200);
  await world.sql(`UPDATE grants SET status = 'revoked'`);
  expect((await world.api.token('alice')).status).toBe(410);
  await heal('access_tokens');
});

test('all access tokens are to be forgotten: this one as well', async () => {
  await fail('INSERT OR UPDATE', 'access_tokens');
  const before = tokenOf(await world.api.token('alice'));
  await world.sql('TRUNCATE access_tokens');
  expect(tokenOf(await world.api.token('alice'))).not.toBe(before);
  await heal('access_tokens');
});

test('a new refresh token that cannot be saved is not lost', async () => {
  const rotated = '1//rotated-while-the-disk-was-full';
  await fail('UPDATE OF sealed_refresh_token', 'grants');
  world.google.control.overrideTokenAnswer({ refresh_token: rotated }, 1);
  for (let call = 0; call < 30; call++) expect((await world.api.token('alice')).status).toBe(200);
  expect(asked()).toBe(1);
  await heal('grants');
  await until(isSaved);
  const row = await world.app.get(Database).grant.findFirstOrThrow();
  const sealer = world.app.get(Sealer);
  const { sealedRefreshToken, credentialVersion } = row;
  const aad = credentialAad(fromRow(row), credentialVersion ?? 0);
  const stored = await sealer.open(sealedRefreshToken ?? '', aad);
  expect(stored.reveal()).toBe(rotated);
  const booked = await world.sql('SELECT fingerprint FROM refresh_tokens WHERE current');
  expect(booked).toEqual([
    { fingerprint: Buffer.from(sealer.fingerprint(new Secret(rotated), 'refresh-token')) },
  ]);
});

test('a grant that holds less by now, which cannot be written: Google is asked once, and it is written later', async () => {
  await fail('UPDATE OF granted_scopes', 'grants');
  world.google.control.failNext('token', { named: 'invalid_scope' });
  const less = `${YOUTUBE} https://www.googleapis.com/auth/adwords`;
  world.google.control.overrideTokenAnswer({ scope: less }, 1);
  for (let call = 0; call < 10; call++) expect((await world.api.token('alice')).status).toBe(503);
  // Refused by its scopes, and answered for all.
  expect(asked()).toBe(2);
  await heal('grants');
  const scopes = async () => (await world.sql('SELECT granted_scopes AS scopes FROM grants'))[0]?.['scopes'];
  await until(async () => JSON.stringify(await scopes()) === JSON.stringify([YOUTUBE]));
  expect((await world.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
});

test('a new refresh token whose grant changed meanwhile still takes its slot in the ledger', async () => {
  world.google.control.latency('token', 500);
  world.google.control.overrideTokenAnswer({ refresh_token: '1//too-late' }, 1);
  const call = world.api.token('alice');
  await until(async () => Promise.resolve(asked() === 1));
  await world.sql('UPDATE grants SET version = version + 1');
  expect((await call).status).toBe(200);
  expect(await world.sql('SELECT 1 FROM refresh_tokens WHERE ended_at IS NULL')).toHaveLength(2);
});

test('a death that cannot be written is told to all, and Google is asked once', async () => {
  await fail('UPDATE OF diagnosis', 'grants');
  world.google.control.revokeByUser(ALICE.sub, 'project-a');
  for (let call = 0; call < 30; call++) {
    const answer = await world.api.token('alice');
    expect([answer.status, answer.body['cause']]).toEqual([410, 'user_revoked']);
  }
  expect(asked()).toBe(1);
  await heal('grants');
  await until(
    async () => (await world.sql(`SELECT 1 FROM grants WHERE status = 'reconnect_required'`)).length === 1,
  );
});

test('a grant that turned out smaller, and cannot be written so: no token of the larger one, and Google is asked seldom', async () => {
  await fail('UPDATE OF granted_scopes', 'grants');
  world.google.control.overrideTokenAnswer({ scope: `openid ${YOUTUBE}` });
  for (let call = 0; call < 30; call++) {
    const answer = await world.api.token('alice');
    expect([answer.status, answer.body['code']]).toEqual([503, 'database_unavailable']);
  }
  expect(asked()).toBeLessThanOrEqual(6);
  await heal('grants');
  await until(async () => (await world.api.token('alice')).status === 200);
  expect((await world.api.token('alice')).body['scope']).toBe(`${YOUTUBE} openid`);
});

test('the database goes away while Google answers: who waits gets the token, and who comes later does not', async () => {
  const admin = new pg.Client({ connectionString: `${process.env['TEST_POSTGRES_URL'] ?? ''}postgres` });
  await admin.connect();
  const name = new URL(world.settings['DATABASE_URL'] ?? '').pathname.slice(1);
  world.google.control.latency('token', 600);
  const waiting = [world.api.token('alice'), world.api.token('alice')];
  await until(async () => Promise.resolve(asked() === 1));
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = $1 AND application_name LIKE 'token-broker%'`,
    [name],
  );
  const answers = await Promise.all(waiting);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect((await world.api.token('alice')).status).toBeGreaterThanOrEqual(500);
  expect(asked()).toBe(1);
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await admin.end();
  await until(async () => (await world.api.token('alice')).status === 200);
  expect(asked()).toBeLessThanOrEqual(2);
});
