import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { exhaustive } from '../support/exhaustive.js';
import { type Api, Browser } from '../support/api.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';

/** DELETE /users/:userId: everything that the broker holds for a user ends, here only or at Google too. */
describe('offboarding a user', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
    // No server listens there: events stay in the outbox.
    await bed.webhook({ url: 'http://127.0.0.1:9/' });
  });
  beforeEach(async () => {
    bed.google.control.reset();
    // Events are written behind: none of the test before comes late.
    await bed.app.get(AuditLog).flush();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const connect = (user_id: string, account: { email: string } = ALICE, client = 'default') =>
    bed.api.connect({ user_id, scope: YOUTUBE, client, another_account: true }, { account: account.email });
  const offboard = (userId: string, query: Record<string, string> = { mode: 'revoke' }, api: Api = bed.api) =>
    api.delete(`/users/${userId}`, query);
  const grantsOf = async (userId: string) =>
    (await bed.api.get(`/users/${userId}/grants`)).body['grants'] as Record<string, unknown>[];
  const asked = () => bed.google.control.count('revoke');
  const outbox = async () => {
    const rows = await bed.sql('SELECT type, payload FROM outbox_events ORDER BY sequence');
    return rows.map(({ type, payload }) => {
      const { data } = payload as { data: Record<string, unknown> };
      return [type, data['user_id'], data['revoked_at_google'] ?? data['cause']];
    });
  };
  const audited = async (action: string) => {
    const read = () =>
      bed.sql(
        `SELECT user_id, outcome, details FROM audit_trail WHERE action = $1 ORDER BY user_id, sequence`,
        [action],
      );
    await until(async () => (await read()).length > 0);
    return read();
  };
  const outcomes = (body: Record<string, unknown>) =>
    (body['grants'] as Record<string, unknown>[]).map(({ client, outcome, reason }) => [
      client,
      outcome,
      reason,
    ]);

  test('revokes each account at Google, deletes the grants, and says which others end with them', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    await connect('too', ALICE, 'second');
    await bed.sql('DELETE FROM outbox_events');
    const { status, body } = await offboard('alice');
    expect(status).toBe(200);
    expect(body).toMatchObject({ user_id: 'alice', mode: 'revoke', dry_run: false, complete: true });
    expect(outcomes(body)).toEqual([
      ['default', 'revoked', null],
      ['elsewhere', 'revoked', null],
    ]);
    expect(body['also_revoked']).toEqual([{ id: expect.any(String), client: 'second', user_id: 'too' }]);
    expect(asked()).toBe(2);
    expect(await grantsOf('alice')).toEqual([]);
    expect(await grantsOf('too')).toMatchObject([{ status: 'revoked' }]);
    expect((await outbox()).sort()).toEqual([
      ['grant.disconnected', 'alice', true],
      ['grant.disconnected', 'alice', true],
      ['grant.reconnect_required', 'too', 'revoked_with_sibling'],
    ]);
    expect(await audited('user.offboard')).toEqual([
      { user_id: 'alice', outcome: 'ok', details: { mode: 'revoke', grants: 2, also_revoked: 1 } },
    ]);
    const ends = await audited('grant.disconnect');
    expect(ends.map(({ user_id }) => user_id)).toEqual(['alice', 'alice', 'too']);
  });

  exhaustive.test(
    'ends both grants of an account that the user has under two clients of a project',
    async () => {
      await connect('alice');
      await connect('alice', ALICE, 'second');
      const { status, body } = await offboard('alice');
      expect({ status, also: body['also_revoked_total'] }).toEqual({ status: 200, also: 0 });
      expect(outcomes(body)).toEqual([
        ['default', 'revoked', null],
        ['second', 'revoked', null],
      ]);
      expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
      expect(await bed.sql('SELECT 1 FROM revocations WHERE finished_at IS NULL')).toEqual([]);
    },
  );

  test('a dry run names the effects and changes nothing', async () => {
    await connect('alice');
    await connect('too', ALICE, 'second');
    const { status, body } = await offboard('alice', { mode: 'revoke', dry_run: 'true' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dry_run: true, also_revoked_total: 1, credentials_revoked: 0 });
    expect(asked()).toBe(0);
    expect(await grantsOf('alice')).toMatchObject([{ status: 'active' }]);
    expect(await bed.sql(`SELECT 1 FROM audit_trail WHERE action = 'user.offboard'`)).toEqual([]);
  });

  test('deletes here only with mode=local, and Google is not asked', async () => {
    await connect('alice');
    const { status, body } = await offboard('alice', { mode: 'local' });
    expect(status).toBe(200);
    expect(outcomes(body)).toEqual([['default', 'deleted', null]]);
    expect(asked()).toBe(0);
    expect(await grantsOf('alice')).toEqual([]);
    expect((await bed.api.token('alice')).status).toBe(404);
  });

  test('is no error for a user without grants, and can be repeated', async () => {
    for (let call = 0; call < 2; call++) {
      const { status, body } = await offboard('unknown');
      expect(status).toBe(200);
      expect(body).toMatchObject({ complete: true, grants: [], credentials_revoked: 0 });
    }
  });

  test('gives no token from its begin on while Google does not answer, and is finished by itself', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    bed.google.control.failAlways('revoke', { status: 503, body: {} });
    const { status, body } = await offboard('alice');
    expect({ status, complete: body['complete'] }).toEqual({ status: 202, complete: false });
    expect(outcomes(body)).toEqual([
      ['default', 'revoking', null],
      ['elsewhere', 'revoking', null],
    ]);
    expect((await bed.api.token('alice', { client: 'default' })).status).toBe(410);
    expect((await bed.api.token('alice', { client: 'elsewhere' })).status).toBe(410);
    expect(await audited('user.offboard')).toMatchObject([{ outcome: 'incomplete' }]);
    bed.google.control.clearFaults();
    await bed.sql('UPDATE revocations SET next_attempt_at = now()');
    await until(async () => (await bed.sql('SELECT 1 FROM grants')).length === 0);
    expect((await offboard('alice')).body).toMatchObject({ complete: true, grants: [] });
  });

  test('a repeated call continues what was interrupted', async () => {
    await connect('alice');
    bed.google.control.failAlways('revoke', { status: 503, body: {} });
    expect((await offboard('alice')).status).toBe(202);
    bed.google.control.clearFaults();
    const { status, body } = await offboard('alice');
    expect({ status, complete: body['complete'] }).toEqual({ status: 200, complete: true });
  });

  test('deletes a dead grant without asking Google', async () => {
    await connect('alice');
    await bed.sql(
      `UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, credential_version = NULL`,
    );
    expect(outcomes((await offboard('alice')).body)).toEqual([['default', 'deleted', 'dead']]);
    expect(asked()).toBe(0);
  });

  exhaustive.test('keeps a grant whose client is not configured, until mode=local', async () => {
    await connect('alice');
    await bed.sql(`UPDATE grants SET client = 'lost'`);
    const { status, body } = await offboard('alice');
    expect({ status, complete: body['complete'] }).toEqual({ status: 202, complete: false });
    expect(outcomes(body)).toEqual([['lost', 'kept', 'client_unknown']]);
    expect((await offboard('alice', { mode: 'local' })).status).toBe(200);
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
  });

  test('keeps a grant that was changed outside the broker, says so, and ends the others', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    await bed.sql(`UPDATE grants SET credential_version = credential_version + 1 WHERE client = 'default'`);
    const { status, body } = await offboard('alice');
    expect({ status, complete: body['complete'] }).toEqual({ status: 202, complete: false });
    expect(outcomes(body)).toEqual([
      ['default', 'kept', 'integrity_failed'],
      ['elsewhere', 'revoked', null],
    ]);
    expect(asked()).toBe(1);
    expect(await grantsOf('alice')).toMatchObject([{ client: 'default' }]);
    expect(await audited('user.offboard')).toMatchObject([{ outcome: 'incomplete' }]);
    const ends = await audited('grant.disconnect');
    expect(ends.map(({ outcome }) => outcome).sort()).toEqual(['integrity_failed', 'ok']);
    expect((await offboard('alice', { mode: 'local' })).status).toBe(200);
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
  });

  /** While the revocation of the first grant waits for its row. The grants were listed before. */
  const whileFirstWaits = async (doing: () => Promise<unknown>) => {
    await bed.sql('BEGIN');
    await bed.sql(`SELECT id FROM grants WHERE user_id = 'alice' AND client = 'default' FOR UPDATE`);
    const offboarded = offboard('alice');
    await until(async () => (await bed.sql(BLOCKED_SESSIONS))[0]?.['count'] !== 0);
    await doing();
    await bed.sql('COMMIT');
    return offboarded;
  };

  test('audits a grant that died meanwhile and was deleted, also where the next one cannot be ended', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    await connect('alice', BOB, 'second');
    await bed.sql(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER failing BEFORE INSERT ON revocations FOR EACH ROW WHEN (NEW.account_sub = '${BOB.sub}') EXECUTE FUNCTION fail()`);
    const { status } = await whileFirstWaits(() =>
      bed.sql(`UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, credential_version = NULL
        WHERE user_id = 'alice' AND client = 'elsewhere'`),
    );
    await bed.sql('DROP TRIGGER failing ON revocations; DROP FUNCTION fail');
    expect(status).toBe(503);
    const events = () =>
      bed.sql(`SELECT outcome FROM audit_trail WHERE action = 'grant.disconnect' AND client = 'elsewhere'`);
    await bed.app.get(AuditLog).flush();
    expect(await events()).toEqual([{ outcome: 'ok' }]);
    expect((await grantsOf('alice')).map(({ client }) => client)).not.toContain('elsewhere');
  });

  test('ends a dead grant to which the user consents again meanwhile', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    await bed.sql(`UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, credential_version = NULL
      WHERE user_id = 'alice' AND client = 'elsewhere'`);
    const { status, body } = await whileFirstWaits(() => connect('alice', BOB, 'elsewhere'));
    expect({ status, complete: body['complete'] }).toEqual({ status: 200, complete: true });
    expect(outcomes(body)).toEqual([
      ['default', 'revoked', null],
      ['elsewhere', 'revoked', null],
    ]);
    expect(await grantsOf('alice')).toEqual([]);
    expect((await bed.api.token('alice', { client: 'elsewhere' })).status).toBe(404);
    expect(bed.google.control.liveRefreshTokens(BOB.sub, 'elsewhere')).toEqual([]);
  });

  test('revokes the delegated credentials for the user, of every service, and of no other user', async () => {
    const other = await bed.service();
    for (const [api, user_id] of [
      [bed.api, 'alice'],
      [other, 'alice'],
      [other, 'bob'],
    ] as const) {
      expect((await api.post('/services/self/credentials', { user_id })).status).toBe(201);
    }
    expect((await offboard('alice', { mode: 'local' })).body).toMatchObject({ credentials_revoked: 2 });
    const statuses = async (api: Api) =>
      ((await api.get('/services/self/credentials')).body['credentials'] as Record<string, unknown>[])
        .map(({ user_id, status }) => `${String(user_id)} ${String(status)}`)
        .sort();
    expect(await statuses(bed.api)).toEqual(['alice revoked']);
    expect(await statuses(other)).toEqual(['alice revoked', 'bob active']);
    await bed.sql('DELETE FROM delegated_credentials');
  });

  test('cancels connects under way, so that a consent that comes back afterwards brings no grant', async () => {
    const cancelled = async () => {
      const metrics = await bed.app.get(Metrics).registry.metrics();
      const line = /token_broker_connects_total\{[^}]*cause="ticket_cancelled"[^}]*\} (\d+)/.exec(metrics);
      return Number(line?.[1] ?? 0);
    };
    const before = await cancelled();
    const link = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE });
    const browser = new Browser();
    const consent = await browser.begin(link);
    expect((await offboard('alice', { mode: 'local', dry_run: 'true' })).body).toMatchObject({
      connects_cancelled: 1,
    });
    expect((await offboard('alice', { mode: 'local' })).body).toMatchObject({ connects_cancelled: 1 });
    await browser.open(await visitConsent(consent, { account: ALICE.email }));
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    expect(await audited('connect.cancel')).toMatchObject([
      { user_id: 'alice', outcome: 'ok', details: { asked: [YOUTUBE], cause: 'ticket_cancelled' } },
    ]);
    expect(await cancelled()).toBe(before + 1);
    expect(bed.log()).toMatch(/"outcome":"cancelled","cause":"ticket_cancelled"/);
    expect((await offboard('alice', { mode: 'local' })).body).toMatchObject({ connects_cancelled: 0 });
  });

  test('ends what the policy of the caller covers, and nothing else', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    const one = await bed.service({ clients: ['elsewhere'] });
    expect(outcomes((await offboard('alice', { mode: 'local' }, one)).body)).toEqual([
      ['elsewhere', 'deleted', null],
    ]);
    expect(await grantsOf('alice')).toMatchObject([{ client: 'default' }]);
  });

  test.each([
    ['disconnect', 'local'],
    ['revoke', 'revoke'],
  ] as const)('needs the right %s for mode=%s', async (right, mode) => {
    await connect('alice');
    const api = await bed.service({ [right]: false });
    const { status, body } = await offboard('alice', { mode, dry_run: 'true' }, api);
    expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'not_allowed' });
    expect(await grantsOf('alice')).toMatchObject([{ status: 'active' }]);
  });

  test('refuses a user that the policy does not cover, and a call without a mode', async () => {
    const api = await bed.service({ users: ['team:*'] });
    expect((await offboard('alice', { mode: 'local' }, api)).status).toBe(403);
    expect((await offboard('alice', {})).status).toBe(400);
    expect((await offboard('alice', { mode: 'forget' })).status).toBe(400);
  });

  exhaustive.test('a user who connects again afterwards has a grant that works', async () => {
    await connect('alice');
    await offboard('alice');
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE_MONEY }, { account: ALICE.email });
    expect((await bed.api.token('alice', { scope: YOUTUBE_MONEY })).status).toBe(200);
  });
});
