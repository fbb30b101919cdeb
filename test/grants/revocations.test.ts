import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Scheduler } from '../../src/operations/scheduler.js';
import { Database } from '../../src/token-store/client/database.js';
import { isCluster, testOfOneServer } from '../support/cluster.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

/** A revocation is written before Google is asked; what interrupts it afterwards is resumed, and no token is given. */
describe('a revocation', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed({ GOOGLE_TIMEOUT_MS: '4000' });
    // No server listens there: events stay in the outbox.
    await bed.webhook({ url: 'http://127.0.0.1:9/' });
    await bed.sql(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
  });
  afterAll(() => bed.stop());

  const control = () => bed.google.control;
  const connect = (user_id: string, account: { email: string } = ALICE, client = 'default') =>
    bed.api.connect({ user_id, scope: YOUTUBE, client, another_account: true }, { account: account.email });
  const grantOf = async (userId: string) => {
    const { body } = await bed.api.get(`/users/${userId}/grants`);
    return (body['grants'] as Record<string, unknown>[])[0] ?? {};
  };
  const revoke = async (userId: string) =>
    bed.api.delete(`/grants/${String((await grantOf(userId))['id'])}`, { mode: 'revoke' });
  const statusOf = async (userId: string) => (await grantOf(userId))['status'];
  const asked = () => control().count('revoke');
  const finished = () =>
    until(async () => (await bed.sql('SELECT id FROM revocations WHERE finished_at IS NULL')).length === 0);
  /** As if the time until the next attempt were over. */
  const due = () => bed.sql('UPDATE revocations SET next_attempt_at = now()');
  const outbox = async () => {
    const rows = await bed.sql('SELECT type, payload FROM outbox_events ORDER BY sequence');
    return rows.map(({ type, payload }) => {
      const { data } = payload as { data: { user_id: string; cause?: string } };
      return [type, data.user_id, data.cause];
    });
  };
  const failing = async (statement: string, table: string, doing: () => Promise<void>) => {
    await bed.sql(
      `CREATE TRIGGER failing BEFORE ${statement} ON ${table} FOR EACH ROW EXECUTE FUNCTION fail()`,
    );
    try {
      await doing();
    } finally {
      await bed.sql(`DROP TRIGGER failing ON ${table}`);
    }
  };

  test('gives no token of the grants concerned while Google does not answer, and is finished when Google does', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    await connect('in-another-project', ALICE, 'elsewhere');
    await connect('bob', BOB);
    await bed.sql('DELETE FROM outbox_events');
    // The cache is warm.
    expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    control().failAlways('revoke', { status: 503, body: '' });
    const response = await revoke('alice');
    expect(response.status).toBe(202);
    expect(response.body).toMatchObject({
      disconnected: { user_id: 'alice', status: 'revoking', diagnosis: { cause: 'revoking' } },
      also_revoked: [{ user_id: 'alice-too' }],
    });
    for (const [user, client] of [
      ['alice', 'default'],
      ['alice-too', 'second'],
    ] as const) {
      expect(await statusOf(user)).toBe('revoking');
      const refused = await bed.api.token(user, { client, scope: YOUTUBE });
      expect(refused.status).toBe(410);
      expect(refused.body).toMatchObject({ code: 'reconnect_required', cause: 'revoking' });
      // A permission that is given now would end with the others.
      expect(refused.body).not.toHaveProperty('connect_url');
    }
    expect((await bed.api.token('in-another-project', { client: 'elsewhere' })).status).toBe(200);
    expect((await bed.api.token('bob')).status).toBe(200);
    expect((await revoke('alice')).status).toBe(202);
    expect(await outbox()).toEqual([]);

    control().clearFaults();
    await due();
    await finished();
    expect(await statusOf('alice')).toBeUndefined();
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    expect((await bed.api.token('alice-too', { client: 'second' })).body).toMatchObject({
      cause: 'revoked_with_sibling',
      connect_url: expect.any(String),
    });
    expect(await outbox()).toEqual([
      ['grant.reconnect_required', 'alice-too', 'revoked_with_sibling'],
      ['grant.disconnected', 'alice', undefined],
    ]);
    const live = 'SELECT client FROM refresh_tokens WHERE ended_at IS NULL ORDER BY client';
    expect(await bed.sql(live)).toEqual([{ client: 'default' }, { client: 'elsewhere' }]);
    const trail = await bed.sql(
      `SELECT user_id, outcome, details->>'with_sibling' IS NOT NULL AS with_other FROM audit_trail
       WHERE action = 'grant.disconnect' AND outcome = 'ok' ORDER BY user_id`,
    );
    expect(trail).toEqual([
      { user_id: 'alice', outcome: 'ok', with_other: false },
      { user_id: 'alice-too', outcome: 'ok', with_other: true },
    ]);
  });

  test('continues at once with the same DELETE again', async () => {
    await connect('alice');
    control().failNext('revoke', { status: 503, body: '', headers: { 'retry-after': '60' } });
    expect((await revoke('alice')).status).toBe(202);
    expect((await revoke('alice')).status).toBe(200);
    expect(await statusOf('alice')).toBeUndefined();
    expect(asked()).toBe(2);
  });

  describe('whose grants are not marked yet, as a replica leaves it that is killed on a cluster,', () => {
    beforeEach(async () => {
      await connect('alice');
      const [before] = await bed.sql('SELECT * FROM grants');
      control().failNext('revoke', { status: 503, body: '', headers: { 'retry-after': '60' } });
      expect((await revoke('alice')).status).toBe(202);
      await bed.sql(
        `UPDATE grants SET status = 'active', revocation_id = NULL, revoking_from = NULL, version = $1,
          sealed_refresh_token = $2, credential_version = $3 WHERE user_id = 'alice'`,
        [before?.['version'], before?.['sealed_refresh_token'], before?.['credential_version']],
      );
      await bed.sql(
        `UPDATE revocations SET attempt_id = gen_random_uuid(), next_attempt_at = now() + interval '1 hour'`,
      );
    });
    const attemptHasEnded = () => bed.sql('UPDATE revocations SET attempt_id = NULL');

    test('is under way for the same DELETE again, and for an offboarding, until its attempt has ended', async () => {
      const again = await revoke('alice');
      expect([again.status, again.body['disconnected']]).toMatchObject([202, { status: 'revoking' }]);
      const offboarded = await bed.api.delete('/users/alice', { mode: 'revoke' });
      expect([offboarded.status, offboarded.body]).toMatchObject([
        202,
        { complete: false, grants: [{ outcome: 'revoking' }] },
      ]);
      await attemptHasEnded();
      await due();
      await finished();
      expect(await statusOf('alice')).toBeUndefined();
      expect(control().liveRefreshTokens(ALICE.sub, 'default')).toEqual([]);
    });

    test('is continued at once by the same DELETE where its attempt has ended', async () => {
      await attemptHasEnded();
      expect((await revoke('alice')).status).toBe(200);
      expect(await statusOf('alice')).toBeUndefined();
      expect(await bed.sql('SELECT outcome FROM revocations')).toEqual([{ outcome: 'revoked' }]);
    });
  });

  test('asks Google once for two DELETEs at once', async () => {
    await connect('alice');
    control().latency('revoke', 300);
    const responses = await Promise.all([revoke('alice'), revoke('alice')]);
    // Where the job takes the revocation at that moment, both are told that it is under way.
    expect([
      [200, 202],
      [202, 202],
    ]).toContainEqual(responses.map(({ status }) => status).toSorted());
    await until(async () => (await statusOf('alice')) === undefined);
    expect(asked()).toBe(1);
  });

  test('is in the audit trail once where a job finishes it while the request still waits', async () => {
    await connect('alice');
    control().failNext('revoke', { delayMs: 800 });
    const response = revoke('alice');
    await until(() => asked() === 1);
    // As where the request takes longer than its lease.
    await due();
    await bed.app.get(Scheduler).runNow('resume revocations');
    expect(await statusOf('alice')).toBeUndefined();
    expect((await response).status).toBe(200);
    const trail = `SELECT outcome FROM audit_trail WHERE action = 'grant.disconnect' AND outcome = 'ok'`;
    await bed.restart();
    expect(await bed.sql(trail)).toHaveLength(1);
  });

  test('is in the audit trail once, with the request that finished it', async () => {
    await connect('alice');
    control().failNext('revoke', { status: 503, body: '', headers: { 'retry-after': '60' } });
    await revoke('alice');
    const other = await bed.service();
    const path = `/grants/${String((await grantOf('alice'))['id'])}`;
    expect((await other.delete(path, { mode: 'revoke' })).status).toBe(200);
    await bed.restart();
    const trail = await bed.sql(
      `SELECT outcome, service_id FROM audit_trail WHERE action = 'grant.disconnect' ORDER BY outcome`,
    );
    expect(trail.map(({ outcome }) => outcome)).toEqual(['ok', 'revoking']);
    expect(trail[0]?.['service_id']).not.toBe(trail[1]?.['service_id']);
  });

  test.each([
    ['the siblings', 'UPDATE OF diagnosis', 'grants'],
    ['the grant', 'DELETE', 'grants'],
    ['the slots', 'UPDATE OF ended_at', 'refresh_tokens'],
    ['the events', 'INSERT', 'outbox_events'],
    ['the audit trail', 'INSERT', 'audit_trail'],
  ])(
    'serves nothing where the database fails at %s after Google said yes, and is finished later',
    async (_, statement, table) => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      await failing(statement, table, async () => {
        const response = await revoke('alice');
        expect(response.status).toBe(202);
        expect((await bed.api.token('alice')).status).toBe(410);
        expect((await bed.api.token('alice-too', { client: 'second' })).body).toMatchObject({
          // On several servers the sibling's part is done before.
          cause: isCluster ? expect.stringMatching(/^revok(ing|ed_with_sibling)$/) : 'revoking',
        });
      });
      await finished();
      expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
      expect((await bed.api.token('alice-too', { client: 'second' })).body).toMatchObject({
        cause: 'revoked_with_sibling',
        confidence: 'certain',
      });
      // What Google said was not forgotten.
      expect(asked()).toBe(1);
    },
  );

  test('is finished by a DELETE that retries what the database did not take', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    const path = `/grants/${String((await grantOf('alice'))['id'])}`;
    await failing('DELETE', 'grants', async () => {
      expect((await revoke('alice')).status).toBe(202);
    });
    await until(async () => [200, 404].includes((await bed.api.delete(path, { mode: 'revoke' })).status));
    expect(await statusOf('alice-too')).toBe('revoked');
    expect(asked()).toBe(1);
  });

  test('asks Google nothing and changes nothing where its intent cannot be written', async () => {
    await connect('alice');
    await failing('INSERT', 'revocations', async () => {
      expect((await revoke('alice')).status).toBeGreaterThanOrEqual(500);
    });
    expect(asked()).toBe(0);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  test('is known from other dead tokens of the account where the answer was lost after Google had revoked', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    control().failNext('revoke', { drop: true, afterProcessing: true });
    expect((await revoke('alice')).status).toBe(202);
    await finished();
    expect(await statusOf('alice-too')).toBe('revoked');
    expect((await bed.api.token('alice-too', { client: 'second' })).body).toMatchObject({
      cause: 'revoked_with_sibling',
      confidence: 'inferred',
    });
    expect(await bed.sql('SELECT * FROM refresh_tokens WHERE ended_at IS NULL')).toEqual([]);
  });

  test('ends as revoked where one attempt knows, and another one found nothing but a dead token', async () => {
    await connect('alice');
    control().failNext('revoke', { drop: true, afterProcessing: true });
    expect((await revoke('alice')).status).toBe(202);
    control().latency('revoke', 500);
    await due();
    await until(() => asked() === 2);
    await bed.sql('UPDATE revocations SET confirmed = true');
    await pause(1000);
    await due();
    await finished();
    expect(await bed.sql('SELECT outcome FROM revocations')).toEqual([{ outcome: 'revoked' }]);
  });

  test('is not reported as finished by an attempt that found a dead token, while another one knows and has not finished', async () => {
    await connect('alice');
    control().failNext('revoke', { drop: true, afterProcessing: true });
    expect((await revoke('alice')).status).toBe(202);
    control().latency('revoke', 500);
    const second = revoke('alice');
    await until(() => asked() === 2);
    await bed.sql('UPDATE revocations SET confirmed = true');
    expect((await second).status).toBe(202);
    expect(await statusOf('alice')).toBe('revoking');
    await due();
    await finished();
    expect(await statusOf('alice')).toBeUndefined();
  });

  test('leaves the others active, on fresh tokens only, where the answer was lost and the token was dead alone', async () => {
    await connect('alice');
    const [token] = control().liveRefreshTokens(ALICE.sub, 'default');
    await connect('alice-too', ALICE, 'second');
    const before = (await bed.api.token('alice-too', { client: 'second' })).body['access_token'];
    control().endRefreshToken(token ?? '');
    control().failNext('revoke', { drop: true });
    expect((await revoke('alice')).status).toBe(202);
    await finished();
    expect(await statusOf('alice-too')).toBe('active');
    const after = await bed.api.token('alice-too', { client: 'second' });
    expect(after.status).toBe(200);
    expect(after.body['access_token']).not.toBe(before);
  });

  test.each([
    ['as it was', false],
    ['rotated', true],
  ])(
    'leaves the others active where Google accepts one of their tokens, %s, and says nothing of another',
    async (_, rotated) => {
      await connect('alice');
      const [token] = control().liveRefreshTokens(ALICE.sub, 'default');
      await connect('alice-too', ALICE, 'second');
      await connect('alice-third');
      control().endRefreshToken(token ?? '');
      control().rotateRefreshTokens(rotated);
      control().failNext('token', { status: 503, body: '' });
      control().failNext('revoke', { drop: true });
      expect((await revoke('alice')).status).toBe(202);
      await finished();
      control().rotateRefreshTokens(false);
      expect(await bed.sql('SELECT attempts, outcome FROM revocations')).toEqual([
        { attempts: 2, outcome: 'unclear' },
      ]);
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
      expect((await bed.api.token('alice-third')).status).toBe(200);
    },
  );

  describe('whose answer was lost, while Google rotates the refresh token of the other grant that is tried,', () => {
    /** The token of the disconnected grant was dead alone. */
    const lost = async () => {
      await connect('alice');
      const [token] = control().liveRefreshTokens(ALICE.sub, 'default');
      await connect('alice-too', ALICE, 'second');
      control().endRefreshToken(token ?? '');
      control().rotateRefreshTokens(true);
      control().failNext('revoke', { drop: true });
      control().clearRequests();
    };
    /** The one that was tried does not work any more. */
    const expectRotated = async () => {
      control().rotateRefreshTokens(false);
      expect(control().count('token', 'refresh_token')).toBe(1);
      expect(await statusOf('alice-too')).toBe('active');
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
      expect(
        await bed.sql(`SELECT client, current FROM refresh_tokens WHERE client = 'second' ORDER BY sequence`),
      ).toEqual([
        { client: 'second', current: false },
        { client: 'second', current: true },
      ]);
      expect(bed.log()).not.toContain('does not open');
    };

    test('keeps the new one', async () => {
      await lost();
      expect((await revoke('alice')).status).toBe(202);
      await finished();
      await expectRotated();
    });

    test('keeps the new one of an answer that is broken otherwise', async () => {
      await lost();
      control().overrideTokenResponse({ scope: 'https://www.googleapis.com/auth/unknown' }, 1);
      expect((await revoke('alice')).status).toBe(202);
      await until(async () => {
        await due();
        return (await bed.sql('SELECT id FROM revocations WHERE finished_at IS NULL')).length === 0;
      });
      await expectRotated();
    });

    test('saves the new one once the database takes it, and tries no other before', async () => {
      await lost();
      await failing('INSERT', 'refresh_tokens', async () => {
        expect((await revoke('alice')).status).toBe(202);
        await until(() => bed.log().includes('a new refresh token could not be stored'));
        await due();
        await until(async () => (await bed.sql('SELECT id FROM revocations WHERE attempts > 2')).length > 0);
      });
      await due();
      await finished();
      await expectRotated();
    });

    test('does not take the others for dead once it is saved, where one is dead alone', async () => {
      await lost();
      await connect('alice-third');
      const tokens = control().liveRefreshTokens(ALICE.sub, 'default');
      for (const token of tokens) control().endRefreshToken(token);
      await failing('INSERT', 'refresh_tokens', async () => {
        expect((await revoke('alice')).status).toBe(202);
        await until(() => bed.log().includes('a new refresh token could not be stored'));
      });
      await due();
      await finished();
      control().rotateRefreshTokens(false);
      expect(await bed.sql('SELECT outcome FROM revocations')).toEqual([{ outcome: 'unclear' }]);
      expect(await statusOf('alice-third')).toBe('active');
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    });

    test('saves the new one at the latest when the process is stopped', async () => {
      await lost();
      await failing('INSERT', 'refresh_tokens', async () => {
        expect((await revoke('alice')).status).toBe(202);
        await until(() => bed.log().includes('a new refresh token could not be stored'));
      });
      await bed.restart();
      await due();
      await finished();
      control().rotateRefreshTokens(false);
      expect(await statusOf('alice-too')).toBe('active');
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    });
  });

  /** Of one account, whose third grant lives. @returns the tokens of the two, which are dead */
  const loseTwoRevocations = async () => {
    await connect('alice');
    await connect('alice-too');
    const dead = control().liveRefreshTokens(ALICE.sub, 'default');
    await connect('alice-third', ALICE, 'second');
    for (const token of dead) control().endRefreshToken(token);
    control().failNext('revoke', { drop: true }, 2);
    expect([(await revoke('alice')).status, (await revoke('alice-too')).status]).toEqual([202, 202]);
    return dead;
  };

  test('tries no token of another grant twice where two attempts for one account would, and Google rotates it', async () => {
    const dead = await loseTwoRevocations();
    control().rotateRefreshTokens(true);
    control().latency('token', 300);
    control().clearRequests();
    await due();
    await finished();
    control().rotateRefreshTokens(false);
    const tried = control().requests.map(({ parameters }) => parameters['refresh_token']);
    const living = tried.filter((token) => token !== undefined && !dead.includes(String(token)));
    expect(living.length).toBeGreaterThan(0);
    expect(living).toEqual([...new Set(living)]);
    expect(await statusOf('alice-third')).toBe('active');
    expect((await bed.api.token('alice-third', { client: 'second' })).status).toBe(200);
  });

  test('gives way to another attempt that tries the tokens of its account, which counts as no failure of Google', async () => {
    await bed.restart({ GOOGLE_TIMEOUT_MS: '15000' });
    await loseTwoRevocations();
    // A DELETE does not wait for it.
    await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
    let answer = () => {};
    control().failAlways('token', { until: new Promise<void>((resolve) => (answer = resolve)) });
    control().clearRequests();
    const logged = bed.log().length;
    const first = revoke('alice');
    await until(() => control().count('token', 'refresh_token') > 0);
    expect((await revoke('alice-too')).status).toBe(202);
    expect(bed.log().slice(logged)).toContain('another attempt tries the tokens of the account');
    expect(bed.log().slice(logged)).not.toContain('Google did not confirm a revocation');
    answer();
    control().clearFaults();
    await first;
    await finished();
    expect(await bed.sql('SELECT attempts, outcome FROM revocations')).toEqual([
      { attempts: 2, outcome: 'unclear' },
      { attempts: 2, outcome: 'unclear' },
    ]);
    await bed.restart();
  });

  testOfOneServer('is finished while the end of another one waits for a server that is silent', async () => {
    await connect('alice');
    await connect('bob', BOB);
    await bed.sql('SELECT pg_advisory_lock(4711)');
    await bed.sql(`
      CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END';
      CREATE TRIGGER hang BEFORE DELETE ON grants FOR EACH ROW WHEN (OLD.user_id = 'alice') EXECUTE FUNCTION hang()`);
    await failing('DELETE', 'grants', async () => {
      expect((await revoke('alice')).status).toBe(202);
    });
    const waiting = () =>
      bed.sql(`SELECT pid, xact_start FROM pg_stat_activity
        WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted)`);
    let before: Record<string, unknown>[] = [];
    await until(async () => (before = await waiting()).length > 0);
    control().failNext('revoke', { status: 503, body: '' });
    expect((await revoke('bob')).status).toBe(202);
    await until(async () => (await statusOf('bob')) === undefined);
    expect(await waiting()).toEqual(before);
    await bed.sql('SELECT pg_advisory_unlock(4711)');
    await finished();
    await bed.sql('DROP FUNCTION hang CASCADE');
    expect(await statusOf('alice')).toBeUndefined();
    expect(asked()).toBe(3);
  });

  test('ends no other grant with a token that was dead before', async () => {
    await connect('alice');
    const [token] = control().liveRefreshTokens(ALICE.sub, 'default');
    await connect('alice-too', ALICE, 'second');
    control().endRefreshToken(token ?? '');
    const response = await revoke('alice');
    expect([response.status, response.body['also_revoked']]).toEqual([200, []]);
    expect(await statusOf('alice-too')).toBe('active');
    expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    expect(bed.log()).not.toContain('does not open');
  });

  describe('a consent during a revocation', () => {
    test('is kept while Google answers, its token is not served, and the next refresh shows whether it is valid', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      control().latency('revoke', 800);
      const revoking = revoke('alice');
      await until(() => asked() === 1);
      await connect('alice-too', ALICE, 'second');
      expect((await revoking).status).toBe(200);
      expect(await statusOf('alice-too')).toBe('active');
      // The stand-in revoked after that consent.
      const refused = await bed.api.token('alice-too', { client: 'second' });
      expect(refused.body).toMatchObject({ cause: 'revoked_with_sibling', confidence: 'inferred' });
    });

    test('between two attempts is revoked by the next one at Google, and here', async () => {
      await connect('alice');
      control().failAlways('revoke', { status: 503, body: '' });
      expect((await revoke('alice')).status).toBe(202);
      await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
      await connect('alice');
      expect((await bed.api.token('alice')).status).toBe(200);
      control().clearFaults();
      await due();
      await finished();
      const grant = await grantOf('alice');
      expect(grant).toMatchObject({ status: 'revoked', diagnosis: { cause: 'revoked_with_sibling' } });
      expect(control().liveRefreshTokens(ALICE.sub, 'default')).toEqual([]);
    });

    test('stays active after Google revoked and its response was lost', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      control().failNext('revoke', { drop: true, afterProcessing: true });
      expect((await revoke('alice')).status).toBe(202);
      await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
      await connect('alice-too', ALICE, 'second');
      await due();
      await finished();
      expect(await statusOf('alice-too')).toBe('active');
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(200);
    });

    test('of another user, while its end is written, keeps no access token', async () => {
      await connect('alice');
      control().latency('revoke', 700);
      const revoking = revoke('alice');
      await until(() => asked() === 1);
      await bed.sql('BEGIN');
      await bed.sql('SELECT id FROM revocations FOR UPDATE');
      // The row is at the coordinator, also on a cluster: one session waits for it, and has read who is concerned.
      await until(async () => (await bed.sql(`${BLOCKED_SESSIONS} `))[0]?.['count'] !== 0);
      await connect('carol');
      await bed.sql('COMMIT');
      expect((await revoking).status).toBe(200);
      expect(await statusOf('carol')).toBe('active');
      expect(await bed.sql('SELECT user_id FROM access_tokens')).toEqual([]);
    });

    test('after Google confirmed is left alone by the replica that writes the end for one that stopped', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      await failing('UPDATE OF finished_at', 'revocations', async () => {
        expect((await revoke('alice')).status).toBe(202);
        await until(async () => (await bed.sql('SELECT id FROM revocations WHERE confirmed')).length > 0);
        await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
        // What it has in memory is lost.
        await bed.restart();
      });
      await connect('alice');
      await due();
      await finished();
      await expectNewGrantOfAlice();
    });

    test('after Google confirmed is left alone where only one replica knows of it and another attempt began', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      await failing('UPDATE OF confirmed, finished_at', 'revocations', async () => {
        expect((await revoke('alice')).status).toBe(202);
        await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
        await connect('alice');
        await due();
        await until(async () => (await statusOf('alice')) === 'revoking');
      });
      await finished();
      await expectNewGrantOfAlice();
    });

    const expectNewGrantOfAlice = async () => {
      expect(asked()).toBe(1);
      expect(await statusOf('alice')).toBe('active');
      expect((await bed.api.token('alice')).status).toBe(200);
      expect(await statusOf('alice-too')).toBe('revoked');
      // It counts at Google.
      expect(await bed.sql('SELECT current FROM refresh_tokens WHERE ended_at IS NULL')).toEqual([
        { current: true },
      ]);
    };

    test('stays active after the revocation is finished', async () => {
      await connect('alice');
      expect((await revoke('alice')).status).toBe(200);
      await connect('alice');
      expect((await bed.api.token('alice')).status).toBe(200);
    });
  });

  test('goes on for the others where mode=local deletes the grant meanwhile', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    control().failAlways('revoke', { status: 503, body: '' });
    const { id } = await grantOf('alice');
    expect((await revoke('alice')).status).toBe(202);
    expect((await bed.api.delete(`/grants/${String(id)}`, { mode: 'local' })).status).toBe(200);
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(404);
    expect(await statusOf('alice-too')).toBe('revoking');
    control().clearFaults();
    await due();
    await finished();
    expect(await statusOf('alice-too')).toBe('revoked');
    expect(control().liveRefreshTokens(ALICE.sub, 'default')).toEqual([]);
  });

  test('ends its own grant beside another of the same account, whichever reaches Google first', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    await connect('alice-third', ALICE);
    control().failNext('revoke', { status: 503, body: '' }, 2);
    await Promise.all([revoke('alice'), revoke('alice-too')]);
    await finished();
    expect(await statusOf('alice')).toBeUndefined();
    expect(await statusOf('alice-too')).toBeUndefined();
    expect(await statusOf('alice-third')).toBe('revoked');
  });

  test('counts neither its own grant nor others where another one of the account ended them before', async () => {
    await connect('alice');
    await connect('alice-too', ALICE, 'second');
    await connect('alice-third');
    control().failNext('revoke', { status: 503, body: '', headers: { 'retry-after': '60' } }, 2);
    expect([(await revoke('alice')).status, (await revoke('alice-too')).status]).toEqual([202, 202]);
    // Counted in what is stored where users are on several servers.
    const distributed = jest.spyOn(bed.app.get(Database), 'isDistributed').mockReturnValue(true);
    try {
      expect((await revoke('alice')).status).toBe(200);
      await bed.sql('UPDATE revocations SET confirmed = true WHERE finished_at IS NULL');
      await due();
      await finished();
    } finally {
      distributed.mockRestore();
    }
    const trail = `SELECT details FROM audit_trail WHERE user_id = $1 AND details->>'mode' = 'revoke' AND outcome = 'ok'`;
    expect(await bed.sql(trail, ['alice'])).toEqual([{ details: { mode: 'revoke', also_revoked: 2 } }]);
    expect(await bed.sql(trail, ['alice-too'])).toEqual([{ details: { mode: 'revoke' } }]);
  });

  describe('a security event during a revocation', () => {
    const event = (type: string, more: { reason?: string } = {}) =>
      control().sendSecurityEvent({
        type,
        subject: { subject_type: 'iss-sub', iss: bed.google.url, sub: ALICE.sub },
        to: `${bed.url}/security-events/google`,
        ...more,
      });
    const begin = async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      control().failAlways('revoke', { status: 503, body: '' });
      expect((await revoke('alice')).status).toBe(202);
      await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
    };
    const end = async () => {
      control().clearFaults();
      await due();
      await finished();
    };

    test('of type tokens-revoked marks all dead, and the disconnect is finished', async () => {
      await begin();
      control().revokeByUser(ALICE.sub, 'project-a');
      await event('tokens-revoked');
      expect(await statusOf('alice-too')).toBe('revoked');
      await end();
      expect(await statusOf('alice')).toBeUndefined();
    });

    test('of type account-disabled suspends the others where the token turns out dead alone', async () => {
      await connect('alice');
      const [token] = control().liveRefreshTokens(ALICE.sub, 'default');
      await connect('alice-too', ALICE, 'second');
      control().failAlways('revoke', { status: 503, body: '' });
      await revoke('alice');
      await bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
      await event('account-disabled', { reason: 'hijacking' });
      expect(await statusOf('alice-too')).toBe('revoking');
      control().endRefreshToken(token ?? '');
      await end();
      expect(await statusOf('alice-too')).toBe('suspended');
      await event('account-enabled');
      expect(await statusOf('alice-too')).toBe('active');
    });

    test('of type account-enabled lifts no revocation', async () => {
      await begin();
      await event('account-disabled', { reason: 'hijacking' });
      await event('account-enabled');
      expect(await statusOf('alice-too')).toBe('revoking');
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(410);
      await end();
      expect(await statusOf('alice-too')).toBe('revoked');
    });

    test('of type account-purged deletes all, and nothing is left to do', async () => {
      await begin();
      await event('account-purged');
      await end();
      expect(await statusOf('alice')).toBeUndefined();
      expect(await statusOf('alice-too')).toBeUndefined();
    });
  });

  describe('whose client is taken out of the settings', () => {
    const entries = () => bed.settings['GOOGLE_CLIENT_SECRETS']?.split(',') ?? [];
    const without = (alias: string) =>
      bed.restart({
        GOOGLE_CLIENT_SECRETS: entries()
          .filter((entry) => !entry.startsWith(`${alias}=`))
          .join(','),
      });
    const waitingHour = () => bed.sql(`UPDATE revocations SET next_attempt_at = now() + interval '1 hour'`);
    afterEach(() => bed.restart());

    test('still reaches Google, which needs only the token', async () => {
      await connect('alice', ALICE, 'second');
      await connect('alice-too');
      control().failAlways('revoke', { status: 503, body: '' });
      expect((await revoke('alice')).status).toBe(202);
      await without('second');
      control().clearFaults();
      await due();
      await finished();
      expect(await statusOf('alice')).toBeUndefined();
      expect(await statusOf('alice-too')).toBe('revoked');
      expect(control().liveRefreshTokens(ALICE.sub, 'second')).toEqual([]);
    });

    test('ends as unclear after a lost response, because its tokens cannot be tried', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      control().failNext('revoke', { drop: true, afterProcessing: true });
      expect((await revoke('alice')).status).toBe(202);
      await waitingHour();
      await without('second');
      await due();
      await finished();
      expect(await statusOf('alice')).toBeUndefined();
      expect(await bed.sql('SELECT outcome FROM revocations')).toEqual([{ outcome: 'unclear' }]);
      // Back in the settings, its grants are asked for at Google before a token is given.
      await bed.restart();
      expect((await bed.api.token('alice-too', { client: 'second' })).status).toBe(410);
    });

    test('tries the tokens of other clients after a lost response', async () => {
      await connect('alice');
      await connect('alice-too', ALICE, 'second');
      await connect('alice-third');
      control().failNext('revoke', { drop: true, afterProcessing: true });
      expect((await revoke('alice')).status).toBe(202);
      await waitingHour();
      await without('second');
      await due();
      await finished();
      expect(await statusOf('alice-too')).toBe('revoked');
      expect(await statusOf('alice-third')).toBe('revoked');
    });

    test('continues by the same DELETE, and a new one is refused with what is missing', async () => {
      await connect('alice', ALICE, 'second');
      await connect('bob', BOB, 'second');
      control().failAlways('revoke', { status: 503, body: '' });
      expect((await revoke('alice')).status).toBe(202);
      await waitingHour();
      control().clearFaults();
      await without('second');
      expect((await revoke('alice')).status).toBe(200);
      expect(await statusOf('alice')).toBeUndefined();
      const { status, body } = await revoke('bob');
      expect([status, body['code']]).toEqual([400, 'invalid_request']);
      expect(body['detail']).toContain('the client second is not in GOOGLE_CLIENT_SECRETS');
      expect(await statusOf('bob')).toBe('active');
      const { id } = await grantOf('bob');
      expect((await bed.api.delete(`/grants/${String(id)}`, { mode: 'local' })).status).toBe(200);
    });
  });

  test.each([
    ['its requester is null', `requested_by = 'null'`],
    ['its requester is not text', `requested_by = '{"actor": {"a": 1}, "serviceId": 7}'`],
    ['its count of attempts is the largest integer', 'attempts = 2147483647'],
  ])('finishes, and stops no other, when %s in the database', async (_, change) => {
    await connect('alice');
    await connect('bob', BOB);
    control().failAlways('revoke', { status: 503, body: '' });
    expect((await revoke('alice')).status).toBe(202);
    expect((await revoke('bob')).status).toBe(202);
    await bed.sql(
      `UPDATE revocations SET ${change}, next_attempt_at = now() - interval '1 hour', attempt_id = NULL WHERE account_sub = $1`,
      [ALICE.sub],
    );
    control().clearFaults();
    await bed.sql('UPDATE revocations SET next_attempt_at = now() WHERE account_sub = $1', [BOB.sub]);
    await finished();
    expect(await statusOf('alice')).toBeUndefined();
    expect(await statusOf('bob')).toBeUndefined();
  });

  testOfOneServer(
    'ends 600 siblings in about a second, with their events, slots and audit trail',
    async () => {
      await connect('alice');
      await connect('bob', BOB);
      const id = String((await grantOf('alice'))['id']);
      await bed.sql(`
      INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status,
        sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
      SELECT gen_random_uuid(), 'user-' || n, 'second', account_sub, account_email, requested_scopes, granted_scopes, status,
        sealed_refresh_token, refresh_token_issued_at, created_at, consented_at
      FROM grants, generate_series(1, 600) AS n WHERE user_id = 'alice'`);
      await bed.sql(`
      INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
      SELECT user_id, id, 'x', 'x', now(), now() + interval '1 hour' FROM grants WHERE user_id LIKE 'user-%'`);
      await bed.sql(`
      INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, last_used_at, prefix_hash, sha512_hash)
      SELECT user_id, decode(md5(id::text), 'hex'), account_sub, client, id, now(), now(), '\\x00', '\\x00' FROM grants WHERE user_id LIKE 'user-%'`);
      await bed.sql('DELETE FROM outbox_events');
      const began = performance.now();
      const response = await bed.api.delete(`/grants/${id}`, { mode: 'revoke' });
      const took = performance.now() - began;
      expect(response.status).toBe(200);
      expect(response.body['also_revoked_total']).toBe(600);
      expect(response.body['also_revoked']).toHaveLength(100);
      const [counts] = await bed.sql(
        `SELECT
      (SELECT count(*)::int FROM grants WHERE status = 'revoked') AS revoked,
      (SELECT count(*)::int FROM access_tokens WHERE user_id LIKE 'user-%') AS tokens,
      (SELECT count(*)::int FROM refresh_tokens WHERE ended_at IS NULL) AS slots,
      (SELECT count(*)::int FROM outbox_events) AS events,
      (SELECT count(*)::int FROM audit_trail WHERE details->>'with_sibling' = 'true') AS audited`,
      );
      expect(counts).toEqual({ revoked: 600, tokens: 0, slots: 1, events: 601, audited: 600 });
      expect(took).toBeLessThan(2500);
    },
  );

  test('loses what is sealed in it when it is finished, and its row is deleted after 30 days', async () => {
    await connect('alice');
    await revoke('alice');
    expect(await bed.sql('SELECT sealed_token, outcome FROM revocations')).toEqual([
      { sealed_token: null, outcome: 'revoked' },
    ]);
    bed.clock.advance(31 * 24 * 3600);
    await until(async () => (await bed.sql('SELECT id FROM revocations')).length === 0);
  });
});
