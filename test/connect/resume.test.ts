/** After the code is exchanged nothing is lost: what cannot be finished at once is finished by the broker itself. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import { Metrics } from '../../src/operations/metrics.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Browser } from '../support/api.js';
import { testOfOneServer } from '../support/cluster.js';
import { ADS, ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

describe('a permission by Google whose keys cannot be fetched', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    // Writes what it still has to say of the test before, and forgets the keys that it knows.
    await bed.restart();
    await bed.reset();
    bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
  });
  afterAll(() => bed.stop());

  const ticket = { user_id: 'alice', scope: YOUTUBE };
  const back = async (
    more: Record<string, unknown> = {},
    change: (consent: URL) => void = () => undefined,
  ) => {
    const browser = new Browser();
    const consent = await browser.begin(await bed.api.connectUrl({ ...ticket, ...more }));
    change(consent);
    return browser.open(await visitConsent(consent, { account: ALICE.email }));
  };
  const waiting = () => bed.sql('SELECT p.*, p::text AS row FROM pending_exchanges p');
  const isOver = async () => (await waiting()).length === 0;
  const events = () =>
    bed.sql(
      "SELECT outcome, actor, details, request_id FROM audit_trail WHERE action = 'connect.consent' ORDER BY sequence",
    );
  const keysAreBack = () => {
    bed.google.control.clearFaults();
    bed.clock.advance(400);
  };

  test('that is refused ends its ticket later where the database did not take the end of it', async () => {
    bed.google.control.clearFaults();
    const { id, url } = await bed.api.ticket({ ...ticket, require_account: { email: BOB.email } });
    await bed.sql(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''full''; END';
       CREATE TRIGGER refuse BEFORE UPDATE OF ended_at ON connect_tickets FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION refuse()`,
    );
    const browser = new Browser();
    const consent = await browser.begin(url);
    expect((await browser.open(await visitConsent(consent, { account: ALICE.email }))).status).toBe(200);
    await bed.sql('DROP TRIGGER refuse ON connect_tickets; DROP FUNCTION refuse');
    expect(await waiting()).toHaveLength(1);
    bed.clock.advance(400);
    await until(isOver);
    const { body } = await bed.api.get(`/connect/tickets/${id}`);
    expect(body).toMatchObject({ state: 'failed', reason: 'wrong_account' });
    await bed.app.get(AuditLog).flush();
    expect(await events()).toMatchObject([{ outcome: 'wrong_account', details: { resumed: true } }]);
  });

  describe('keeps its ticket open', () => {
    const expiryOf = async (id: string) => {
      const [row] = await bed.sql('SELECT expires_at FROM connect_tickets WHERE id = $1', [id]);
      return new Date(String(row?.['expires_at'])).getTime() - bed.clock.now().getTime();
    };

    /** The database does not take that the ticket is pending. @returns what the browser gets */
    const consentWithoutEnd = async (url: string) => {
      const browser = new Browser();
      const consent = await browser.begin(url);
      await bed.sql(
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''full''; END';
         CREATE TRIGGER refuse BEFORE UPDATE OF state ON connect_tickets FOR EACH ROW WHEN (NEW.state = 'pending') EXECUTE FUNCTION refuse()`,
      );
      const back = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      await bed.sql('DROP TRIGGER refuse ON connect_tickets; DROP FUNCTION refuse');
      return back;
    };

    test('until it is finished, also where the database did not take that it goes on', async () => {
      const { id, url } = await bed.api.ticket({ ...ticket, return_to: `${APP}/done` });
      const back = await consentWithoutEnd(url);
      expect(back.headers.get('location')).toBe(`${APP}/done?connect=pending`);
      await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() + interval '1 year'`);
      bed.clock.advance(3600);
      const stateOf = async () => (await bed.api.get(`/connect/tickets/${id}`)).body['state'];
      expect(await stateOf()).toBe('at_google');
      await bed.sql('UPDATE pending_exchanges SET next_attempt_at = now()');
      keysAreBack();
      await until(isOver);
      expect(await stateOf()).toBe('success');
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    test('no longer than the app may confirm, also where the database did not take that it waits for that', async () => {
      bed.google.control.clearFaults();
      const { id, url } = await bed.api.ticket({ ...ticket, confirm: true, return_to: `${APP}/done` });
      const back = await consentWithoutEnd(url);
      expect(back.headers.get('location')).toContain('connect_code=');
      expect(await expiryOf(id)).toBeLessThanOrEqual(600_000);
    });

    test('no longer than before where Google must be asked once more', async () => {
      bed.google.control.clearFaults();
      await bed.api.connect(ticket, { account: ALICE.email });
      const { id, url } = await bed.api.ticket({
        ...ticket,
        account_hint: ALICE.email,
        another_account: true,
      });
      const browser = new Browser();
      const consent = await browser.begin(url);
      expect(consent.searchParams.get('prompt')).toBeNull();
      // Now a refresh token is needed, and Google gives none without a consent screen.
      await bed.sql('DELETE FROM grants');
      const before = await expiryOf(id);
      bed.google.control.overrideTokenResponse({ refresh_token: null });
      const again = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      expect(again.headers.get('location')).toContain('prompt=consent');
      expect(await waiting()).toEqual([]);
      expect(await expiryOf(id)).toBeLessThanOrEqual(before);
    });
  });

  test('is sealed and booked, and becomes a grant without the browser, and the user need not start again', async () => {
    const response = await back();
    expect(response.status).toBe(200);
    expect(response.text).toContain('continues by itself');
    expect(response.text).not.toContain('Try again');
    const [row] = await waiting();
    for (const secret of bed.google.control.secrets()) expect(String(row?.['row'])).not.toContain(secret);
    expect(await bed.sql('SELECT account_sub, account_verified, grant_id FROM refresh_tokens')).toEqual([
      { account_sub: ALICE.sub, account_verified: false, grant_id: null },
    ]);
    expect((await bed.api.token('alice')).status).toBe(404);

    keysAreBack();
    await until(isOver);
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect(bed.google.control.count('token', 'authorization_code')).toBe(1);
    const booked = await bed.sql('SELECT account_verified, grant_id IS NOT NULL AS used FROM refresh_tokens');
    expect(booked).toEqual([{ account_verified: true, used: true }]);
    await until(async () => (await events()).length === 2);
    const [first, second] = await events();
    expect(first).toMatchObject({
      outcome: 'finishing',
      actor: 'user',
      details: { cause: 'keys_unavailable' },
    });
    expect(second).toMatchObject({ outcome: 'ok', actor: 'broker', details: { resumed: true } });
    expect(second?.['request_id']).toBe(first?.['request_id']);
  });

  // On several servers rows cannot be given to another user.
  testOfOneServer('that began before the ledger was kept by user is booked once, for its user', async () => {
    await back();
    await bed.sql("UPDATE refresh_tokens SET user_id = ''");
    keysAreBack();
    await until(isOver);
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(await bed.sql('SELECT user_id, grant_id IS NOT NULL AS used FROM refresh_tokens')).toEqual([
      { user_id: 'alice', used: true },
    ]);
  });

  test('is reported to the app, and a broker that was restarted goes on', async () => {
    const response = await back({ return_to: `${APP}/done` });
    expect(response.headers.get('location')).toBe(`${APP}/done?connect=pending`);
    await bed.restart();
    keysAreBack();
    await until(isOver);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  test('is valid hours later where its response was valid when it came', async () => {
    await back();
    bed.clock.advance(5 * 3600);
    keysAreBack();
    await until(isOver);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  test('passes the same checks when it is resumed, and another nonce gets nothing', async () => {
    await back({}, (consent) => {
      consent.searchParams.set('nonce', 'of-another-user');
    });
    keysAreBack();
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toHaveLength(0);
    await until(async () => (await events()).length === 2);
    expect((await events())[1]).toMatchObject({
      outcome: 'code_rejected',
      details: { cause: 'id_token_nonce', resumed: true },
    });
  });

  test('ends for good, and at once, with a wrong signature', async () => {
    bed.google.control.clearFaults();
    const { keys } = (await (await fetch(`${bed.google.url}/oauth2/v3/certs`)).json()) as {
      keys: { kid: string }[];
    };
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT({ nonce: 'x' })
      .setProtectedHeader({ alg: 'RS256', kid: keys[0]?.kid ?? '' })
      .setIssuer(bed.google.url)
      .setAudience('default')
      .setSubject(BOB.sub)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
    bed.google.control.overrideTokenResponse({ id_token: forged });
    const response = await back();
    expect(response.text).toContain('That did not work');
    expect(await waiting()).toHaveLength(0);
    expect(await bed.sql('SELECT * FROM grants')).toHaveLength(0);
    await until(async () => (await events()).length === 1);
    expect((await events())[0]).toMatchObject({ details: { cause: 'id_token_signature' } });
  });

  test('yields nothing for another account than was required, later as at once', async () => {
    await back({ require_account: { email: BOB.email } }, (consent) => {
      consent.searchParams.delete('login_hint');
    });
    keysAreBack();
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toHaveLength(0);
    expect(await bed.sql('SELECT account_verified FROM refresh_tokens')).toEqual([
      { account_verified: true },
    ]);
  });

  test('yields nothing to a service that was revoked meanwhile', async () => {
    await back();
    await bed.sql('UPDATE services SET revoked_at = now()');
    keysAreBack();
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toHaveLength(0);
    await bed.sql('UPDATE services SET revoked_at = NULL');
  });

  test('is given up after a day, and reported', async () => {
    await back();
    bed.clock.advance(24 * 3600 + 1);
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toHaveLength(0);
    expect(await bed.sql('SELECT ended_at FROM refresh_tokens')).toEqual([{ ended_at: null }]);
    const gaveUp = async () => (await events()).find(({ outcome }) => outcome === 'gave_up');
    await until(async () => (await gaveUp()) !== undefined);
    expect(await gaveUp()).toMatchObject({ details: { cause: 'gave_up', last_fault: 'keys_unavailable' } });
  });

  test('gives the app its code at once in confirm mode, and is confirmed when the account is known', async () => {
    const response = await back({ confirm: true, return_to: `${APP}/done` });
    const location = new URL(response.headers.get('location') ?? '');
    expect(location.searchParams.get('connect')).toBe('pending');
    const code = location.searchParams.get('connect_code');
    const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'alice' });
    const early = await confirm();
    expect(early.status).toBe(503);
    expect(early.body).toMatchObject({ code: 'google_unavailable', retry_after: 5 });
    bed.google.control.clearFaults();
    // Google's keys are not asked for again at once.
    bed.clock.advance(6);
    let confirmed = await confirm();
    // The job may be at it: then the app is asked to send the same code again, as above.
    await until(async () => confirmed.status !== 503 || (confirmed = await confirm()).status !== 503);
    expect(confirmed.status).toBe(200);
    expect((await bed.api.token('alice')).status).toBe(200);
    expect((await confirm()).status).toBe(400);
  });

  test('is discarded by the session of another user before the account is known', async () => {
    const { id, url } = await bed.api.ticket({ ...ticket, confirm: true, return_to: `${APP}/done` });
    const browser = new Browser();
    const response = await browser.open(
      await visitConsent(await browser.begin(url), { account: ALICE.email }),
    );
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const confirm = (user_id: string) => bed.api.post('/connect/completions', { code, user_id });
    let refused = await confirm('bob');
    await until(async () => refused.status !== 503 || (refused = await confirm('bob')).status !== 503);
    expect(refused).toMatchObject({ status: 403, body: { reason: 'wrong_user' } });
    const { body } = await bed.api.get(`/connect/tickets/${id}`);
    expect(body).toMatchObject({ state: 'failed', reason: 'wrong_user' });
    expect(await waiting()).toHaveLength(0);
    keysAreBack();
    expect((await confirm('alice')).status).toBe(400);
  });

  test('survives a short database failure between the exchange and the grant', async () => {
    bed.google.control.clearFaults();
    await bed.sql('ALTER TABLE grants RENAME TO grants_away');
    let response;
    try {
      response = await (async () => {
        const browser = new Browser();
        const url = await bed.api.connectUrl(ticket);
        await bed.sql('ALTER TABLE grants_away RENAME TO grants');
        const consent = await browser.begin(url);
        const back = await visitConsent(consent, { account: ALICE.email });
        await bed.sql('ALTER TABLE grants RENAME TO grants_away');
        return browser.open(back);
      })();
    } finally {
      await bed.sql('ALTER TABLE IF EXISTS grants_away RENAME TO grants');
    }
    expect(response.text).toContain('continues by itself');
    bed.clock.advance(10);
    await until(isOver);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  describe('and that waits while a newer consent is stored', () => {
    const connectNow = async (scope: string) => {
      await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() + interval '1 year'`);
      keysAreBack();
      const page = await bed.api.connect(
        { ...ticket, scope, another_account: true },
        { account: ALICE.email },
      );
      expect(page.text).toContain('Connected');
    };
    const finishOlder = async () => {
      await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() - interval '1 year'`);
      bed.clock.advance(10);
      await until(isOver);
    };
    const current = async () =>
      (
        await bed.sql(
          'SELECT encode(fingerprint, $1) AS token FROM refresh_tokens WHERE current AND mac IS NOT NULL',
          ['hex'],
        )
      ).map(({ token }) => token);
    const grantRow = () => bed.sql('SELECT sealed_refresh_token, granted_scopes, consented_at FROM grants');

    test('books its refresh token and replaces nothing', async () => {
      await back();
      await connectNow(`${YOUTUBE} ${ADS}`);
      const [before, tokens] = [await grantRow(), await current()];
      expect(tokens).toHaveLength(1);
      await finishOlder();
      expect(await grantRow()).toEqual(before);
      expect(await current()).toEqual(tokens);
      expect(
        await bed.sql('SELECT account_verified, current, ended_at FROM refresh_tokens ORDER BY sequence'),
      ).toEqual([
        { account_verified: true, current: false, ended_at: null },
        { account_verified: true, current: true, ended_at: null },
      ]);
      expect((await bed.api.token('alice')).status).toBe(200);
      await until(async () =>
        (await events()).some(({ outcome, actor }) => outcome === 'ok' && actor === 'broker'),
      );
      // The newest one is what refreshes.
      bed.clock.advance(3600);
      bed.google.control.endRefreshToken(bed.google.control.liveRefreshTokens(ALICE.sub, 'default')[0] ?? '');
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    test('grants nothing that only the older consent was given', async () => {
      await back({ scope: ADS });
      await connectNow(YOUTUBE);
      const before = await grantRow();
      await finishOlder();
      expect(await grantRow()).toEqual(before);
      await until(async () => (await events()).some(({ outcome }) => outcome === 'no_refresh_token'));
    });

    test('loses to one that waits as well, in whatever order they are finished', async () => {
      for (const first of ['older', 'newer']) {
        await bed.reset();
        await bed.restart();
        bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
        await back();
        const [older] = await waiting();
        bed.clock.advance(1);
        await back({ scope: `${YOUTUBE} ${ADS}`, another_account: true });
        const [, newest] = bed.google.control.liveRefreshTokens(ALICE.sub, 'default').slice(-2);
        await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() + interval '1 year'`);
        bed.google.control.clearFaults();
        bed.clock.advance(400);
        const isOlder = first === 'older' ? '=' : '<>';
        await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() WHERE id ${isOlder} $1`, [
          older?.['id'],
        ]);
        await until(async () => (await waiting()).length === 1);
        await bed.sql('UPDATE pending_exchanges SET next_attempt_at = now()');
        bed.clock.advance(10);
        await until(isOver);
        expect((await grantRow())[0]?.['granted_scopes']).toContain(ADS);
        expect(await current()).toHaveLength(1);
        for (const token of bed.google.control.liveRefreshTokens(ALICE.sub, 'default'))
          if (token !== newest) bed.google.control.endRefreshToken(token);
        bed.clock.advance(3600);
        expect((await bed.api.token('alice')).status).toBe(200);
      }
    });

    test('replaces nothing when the app confirms it later', async () => {
      bed.google.control.clearFaults();
      const response = await back({ confirm: true, return_to: `${APP}/done` });
      const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
      bed.clock.advance(1);
      await connectNow(`${YOUTUBE} ${ADS}`);
      const before = await grantRow();
      const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'alice' });
      expect((await confirm()).body).toMatchObject({ connect: 'success', missing_scopes: [] });
      expect((await confirm()).status).toBe(400);
      expect(await grantRow()).toEqual(before);
    });
  });

  test.each([2147483647, -2147483648])('stops no other by a count of attempts of %d', async (attempts) => {
    await back();
    await bed.sql(`UPDATE pending_exchanges SET attempts = $1, next_attempt_at = now() - interval '1 year'`, [
      attempts,
    ]);
    await back({ user_id: 'bob' });
    keysAreBack();
    await until(isOver);
    for (const user of ['alice', 'bob']) expect((await bed.api.token(user)).status).toBe(200);
  });

  test('makes no grant of an exchange that is put back long after its time', async () => {
    await back();
    const [row] = await bed.sql('SELECT to_jsonb(p) AS row FROM pending_exchanges p');
    keysAreBack();
    await until(isOver);
    const [grant] = await bed.sql('SELECT id FROM grants');
    await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
    bed.clock.advance(26 * 3600);
    await bed.sql(
      'INSERT INTO pending_exchanges SELECT * FROM jsonb_populate_record(NULL::pending_exchanges, $1)',
      [row?.['row']],
    );
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toEqual([]);
    // The visit has its outcome.
    await bed.app.get(AuditLog).flush();
    expect((await events()).filter(({ outcome }) => outcome !== 'finishing')).toMatchObject([
      { outcome: 'ok' },
    ]);
  });

  test('is deleted once its time is over where it does not open, and reported until then', async () => {
    await back();
    await bed.sql(
      `UPDATE pending_exchanges SET created_at = created_at - interval '1 second', next_attempt_at = now()`,
    );
    const alarms = async () => {
      const metrics = await bed.app.get(Metrics).registry.metrics();
      return Number(
        /integrity_failures_total\{[^}]*kind="pending_exchange"[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0,
      );
    };
    bed.clock.advance(6);
    await until(async () => (await alarms()) === 1);
    expect(await waiting()).toHaveLength(1);
    bed.clock.advance(24 * 3600);
    await until(async () => (await alarms()) === 2);
    // A replica that has the key still gives it up.
    expect(await waiting()).toHaveLength(1);
    bed.clock.advance(3600);
    await until(isOver);
    expect(await bed.sql('SELECT * FROM grants')).toEqual([]);
  });

  describe('of an account that is revoked while it waits', () => {
    const grantOf = async (user: string) => {
      const { body } = await bed.api.get(`/users/${user}/grants`);
      return (body['grants'] as { id: string }[])[0]?.id ?? '';
    };
    const hold = async () => {
      const response = await back({ confirm: true, return_to: `${APP}/done` });
      return new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    };
    beforeEach(async () => {
      bed.google.control.clearFaults();
      await bed.api.connect({ user_id: 'other', scope: YOUTUBE }, { account: ALICE.email });
    });

    test('makes nothing of its dead refresh token', async () => {
      await bed.restart();
      bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
      await back();
      expect(await waiting()).toHaveLength(1);
      const gone = await bed.api.delete(`/grants/${await grantOf('other')}`, { mode: 'revoke' });
      expect(gone.status).toBe(200);
      keysAreBack();
      await until(isOver);
      expect((await bed.api.token('alice')).status).toBe(404);
      await until(async () => (await events()).some(({ outcome }) => outcome === 'no_refresh_token'));
    });

    test('makes nothing of it when the app confirms it either', async () => {
      const code = await hold();
      await bed.api.delete(`/grants/${await grantOf('other')}`, { mode: 'revoke' });
      const response = await bed.api.post('/connect/completions', { code, user_id: 'alice' });
      expect(response).toMatchObject({ status: 404, body: { reason: 'no_refresh_token' } });
      expect((await bed.api.token('alice')).status).toBe(404);
    });

    test.each(['sessions-revoked', 'account-disabled'])(
      'gives no access token after %s before Google is asked',
      async (type) => {
        const code = await hold();
        bed.clock.advance(60);
        const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
        const to = `${bed.url}/security-events/google`;
        const event = await bed.google.control.sendSecurityEvent({
          type,
          subject,
          to,
        });
        expect(event.status).toBe(202);
        expect((await bed.api.post('/connect/completions', { code, user_id: 'alice' })).status).toBe(200);
        const before = bed.google.control.count('token', 'refresh_token');
        await bed.api.token('alice');
        expect(bed.google.control.count('token', 'refresh_token')).toBe(before + 1);
      },
    );

    test('gives no token before Google is asked where the order of events at Google is unknown', async () => {
      bed.google.control.latency('revoke', 1500);
      const revoking = bed.api.delete(`/grants/${await grantOf('other')}`, { mode: 'revoke' });
      await until(
        async () => (await bed.sql('SELECT 1 FROM revocations WHERE finished_at IS NULL')).length > 0,
      );
      const code = await hold();
      expect((await revoking).status).toBe(200);
      const response = await bed.api.post('/connect/completions', { code, user_id: 'alice' });
      expect(response.status).toBe(200);
      expect((await bed.api.token('alice')).status).toBe(410);
    });
  });

  test('survives a completion that the database does not take, which works once later', async () => {
    bed.google.control.clearFaults();
    const response = await back({ confirm: true, return_to: `${APP}/done` });
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'alice' });
    await bed.sql('ALTER TABLE grants RENAME TO grants_away');
    try {
      expect((await confirm()).status).toBe(503);
    } finally {
      await bed.sql('ALTER TABLE grants_away RENAME TO grants');
    }
    const both = await Promise.all([confirm(), confirm()]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect((await confirm()).status).toBe(400);
    expect(await bed.sql('SELECT * FROM pending_consents')).toEqual([]);
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  describe('and whose end the database does not take at first', () => {
    const returned = async (more: Record<string, unknown> = {}) => {
      const { id, url } = await bed.api.ticket({ ...ticket, ...more });
      const browser = new Browser();
      const consent = await browser.begin(url);
      consent.searchParams.set('nonce', 'of-another-user');
      const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      return { response, path: `/connect/tickets/${id}` };
    };
    const stateOf = async (path: string) => (await bed.api.get(path)).body['state'];
    const consents = async () => (await events()).filter(({ outcome }) => outcome !== 'finishing');
    /** A sequence keeps its value where the statement is rolled back. */
    const failOnce = (table: string, when: string, code = '53100') =>
      bed.sql(`
        CREATE SEQUENCE faults;
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('faults') = 1 THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '${code}';
          END IF;
          RETURN coalesce(NEW, OLD);
        END $$;
        CREATE TRIGGER fault BEFORE ${when} ON ${table} FOR EACH ROW EXECUTE FUNCTION fault()`);
    const faults = async () => (await bed.sql('SELECT is_called FROM faults'))[0]?.['is_called'] === true;
    afterEach(() => bed.sql('DROP FUNCTION IF EXISTS fault CASCADE; DROP SEQUENCE IF EXISTS faults'));

    test.each([
      ['its ticket', 'connect_tickets', 'UPDATE OF state'],
      ['its removal', 'pending_exchanges', 'DELETE'],
    ])('keeps its outcome for %s, and is reported once', async (_, table, when) => {
      const { path } = await returned();
      expect(await stateOf(path)).toBe('pending');
      await failOnce(table, when);
      keysAreBack();
      await until(faults);
      expect(await waiting()).toHaveLength(1);
      bed.clock.advance(600);
      await until(isOver);
      expect(await stateOf(path)).toBe('failed');
      await until(async () => (await consents()).length > 0);
      expect(await consents()).toMatchObject([{ outcome: 'code_rejected', details: { resumed: true } }]);
    });

    test('is logged with its error where the broker has a fault', async () => {
      await back();
      await failOnce('grants', 'INSERT', 'P0001');
      keysAreBack();
      await until(faults);
      bed.clock.advance(600);
      await until(isOver);
      expect((await bed.api.token('alice')).status).toBe(200);
      const line = bed
        .log()
        .split('\n')
        .find((each) => each.includes('is tried again'));
      expect(line).toContain('could not extend file');
    });

    test('keeps its outcome when it is given up', async () => {
      const { path } = await returned();
      await failOnce('connect_tickets', 'UPDATE OF state');
      bed.clock.advance(24 * 3600 + 1);
      await until(faults);
      bed.clock.advance(600);
      await until(isOver);
      expect(await stateOf(path)).toBe('failed');
      await until(async () => (await consents()).length > 0);
      expect(await consents()).toMatchObject([{ outcome: 'gave_up' }]);
    });

    test.each([
      ['a full disk', '53100', { status: 503, body: { code: 'database_unavailable' } }],
      ['a fault of the broker', 'P0001', { status: 500, body: { code: 'internal_error' } }],
    ])('ends when the app sends the same code again, as it was told, after %s', async (_, sqlState, told) => {
      const { response, path } = await returned({ confirm: true, return_to: `${APP}/done` });
      const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
      const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'alice' });
      await bed.sql(`UPDATE pending_exchanges SET next_attempt_at = now() + interval '1 year'`);
      await failOnce('connect_tickets', 'UPDATE OF state', sqlState);
      bed.google.control.clearFaults();
      bed.clock.advance(6);
      expect(await confirm()).toMatchObject(told);
      expect(await stateOf(path)).toBe('pending');
      expect(await confirm()).toMatchObject({ status: 400, body: { reason: 'code_unknown' } });
      expect(await stateOf(path)).toBe('failed');
      expect(await waiting()).toEqual([]);
    });

    test('keeps the completion code where the refusal of the wrong user cannot be written', async () => {
      bed.google.control.clearFaults();
      const { id, url } = await bed.api.ticket({ ...ticket, confirm: true, return_to: `${APP}/done` });
      const browser = new Browser();
      const consent = await browser.begin(url);
      const response = await browser.open(await visitConsent(consent, { account: ALICE.email }));
      const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
      const path = `/connect/tickets/${id}`;
      const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'bob' });
      await failOnce('connect_tickets', 'UPDATE OF state');
      expect((await confirm()).status).toBe(503);
      expect(await confirm()).toMatchObject({ status: 403, body: { reason: 'wrong_user' } });
      expect(await stateOf(path)).toBe('failed');
      expect((await confirm()).status).toBe(400);
    });
  });

  test('brings no grant back that is disconnected after it waited', async () => {
    await back();
    keysAreBack();
    await until(isOver);
    const [grant] = await bed.sql('SELECT id FROM grants');
    await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
    bed.clock.advance(600);
    // Another that waits is made a grant, so what was due is done.
    bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
    await bed.restart();
    await back({ user_id: 'bob' });
    keysAreBack();
    await until(isOver);
    expect(await bed.sql('SELECT user_id FROM grants')).toEqual([{ user_id: 'bob' }]);
  });
});
