/**
 * Transactions that the server committed while the broker lost the connection, as in a failover: what is stored must be neither
 * reported as lost, nor stored again, nor forgotten when it is tried again.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SecurityEventOptions } from '../../sandbox/google/risc/security-events.js';
import { Scheduler } from '../../src/operations/scheduler.js';
import { Database } from '../../src/token-store/client/database.js';
import { testOfOneServer } from '../support/cluster.js';
import { Browser } from '../support/api.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { ALICE, APP, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';

let bed: TestBed;
let proxy: TcpProxy;
beforeAll(async () => {
  bed = await startTestBed(async (databaseUrl) => {
    const url = new URL(databaseUrl);
    proxy = await startTcpProxy(Number(url.port));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    return { DATABASE_URL: url.href };
  });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(async () => {
  await bed.stop();
  await proxy.close();
});

const audited = (action: string) =>
  bed.sql('SELECT outcome, user_id, details FROM audit_trail WHERE action = $1', [action]);

describe('a code exchange', () => {
  const back = async (more: Record<string, unknown> = {}, beforeCallback = async () => Promise.resolve()) => {
    const browser = new Browser();
    const consent = await browser.begin(
      await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE, ...more }),
    );
    const returned = await visitConsent(consent, { account: ALICE.email });
    await beforeCallback();
    return browser.open(returned);
  };
  const expectOneGrant = async () => {
    expect((await bed.api.token('alice')).status).toBe(200);
    expect(await bed.sql('SELECT id FROM pending_exchanges')).toEqual([]);
    expect(await bed.sql('SELECT current, ended_at FROM refresh_tokens')).toEqual([
      { current: true, ended_at: null },
    ]);
    await until(async () => (await audited('connect.consent')).length > 0);
    expect(await audited('connect.consent')).toMatchObject([{ outcome: 'ok' }]);
    expect(bed.log()).not.toContain('the user must connect again');
  };

  test('whose commit is not confirmed becomes a grant in the same visit', async () => {
    let lost: Promise<void> | undefined;
    const response = await back({}, async () => {
      lost = proxy.loseCommitOf('"public"."pending_exchanges"');
      return Promise.resolve();
    });
    await lost;
    expect(response.text).toContain('Connected');
    await expectOneGrant();
  });

  test('that a coordinator of several servers could not commit is stored again in the same visit', async () => {
    // A sequence keeps its value where the transaction is rolled back: only the first commit fails.
    await bed.sql(`
      CREATE SEQUENCE doubts;
      CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('doubts') = 1 THEN
          RAISE EXCEPTION 'could not commit transaction for shard 102032 on at least one active node' USING ERRCODE = 'XX000';
        END IF;
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER doubt AFTER INSERT ON pending_exchanges DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION doubt()`);
    try {
      expect((await back()).text).toContain('Connected');
      expect(await bed.sql('SELECT last_value::int AS commits FROM doubts')).toEqual([{ commits: 2 }]);
    } finally {
      await bed.sql('DROP TRIGGER doubt ON pending_exchanges; DROP SEQUENCE doubts');
    }
    await expectOneGrant();
  });

  test('that is held for the app is confirmed with the code that the browser got, if that commit is not confirmed', async () => {
    const lost = proxy.loseCommitOf('INSERT INTO "public"."pending_consents"');
    const response = await back({ confirm: true, return_to: `${APP}/done` });
    await lost;
    const code = new URL(response.headers.get('location') ?? '').searchParams.get('connect_code');
    const confirm = () => bed.api.post('/connect/completions', { code, user_id: 'alice' });
    expect((await confirm()).status).toBe(200);
    expect((await bed.api.token('alice')).status).toBe(200);
  });
});

describe('a revocation', () => {
  test('whose end is not confirmed is in the audit trail, once', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    const [grant] = await bed.sql('SELECT id FROM grants');
    const lost = proxy.loseCommitOf('"revocations" SET "finished_at"');
    const response = await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'revoke' });
    expect(response.status).toBe(202);
    await lost;
    await until(async () => (await audited('grant.disconnect')).length > 1);
    await bed.app.get(Scheduler).runNow('resume revocations');
    const events = await audited('grant.disconnect');
    expect(events.map(({ outcome }) => outcome).toSorted()).toEqual(['ok', 'revoking']);
    expect(events.find(({ outcome }) => outcome === 'ok')).toMatchObject({ details: { mode: 'revoke' } });
  });
});

describe('a security event', () => {
  const deliver = async (order: SecurityEventOptions, statement: string) => {
    const { token } = await bed.google.control.sendSecurityEvent({ ...order, to: null });
    const post = () =>
      fetch(`${bed.url}/security-events/google`, {
        method: 'POST',
        headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
        body: token,
      });
    const lost = proxy.loseCommitOf(statement);
    expect((await post()).status).toBe(503);
    await lost;
    // As Google does.
    expect((await post()).status).toBe(202);
  };

  test('whose commit is not confirmed is in the audit trail of each user that it concerned, once', async () => {
    for (const user_id of ['alice', 'other'])
      await bed.api.connect({ user_id, scope: YOUTUBE }, { account: ALICE.email });
    const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
    await deliver({ type: 'tokens-revoked', subject }, 'INSERT INTO "public"."security_events"');
    expect((await bed.api.token('alice')).status).toBe(410);
    const events = await audited('security.event');
    expect(events.map(({ user_id }) => user_id).toSorted()).toEqual(['alice', 'other']);
    expect(events[0]).toMatchObject({
      outcome: 'ok',
      details: { event: 'tokens-revoked', action: 'revoke' },
    });
  });

  testOfOneServer.each([
    ['between two users', "audit_trail FOR EACH ROW WHEN (NEW.action = 'security.event')", 2, 1],
    ['after the last of them', 'security_events FOR EACH ROW', 1, 2],
  ])(
    'that is interrupted %s, as on several servers, is in the audit trail of each once',
    async (_, inserted, failing, before) => {
      for (const user_id of ['alice', 'other'])
        await bed.api.connect({ user_id, scope: YOUTUBE }, { account: ALICE.email });
      const distributed = jest.spyOn(bed.app.get(Database), 'isDistributed').mockReturnValue(true);
      await bed.sql('CREATE SEQUENCE users');
      await bed.sql(`
      CREATE FUNCTION interrupt() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('users') = ${failing} THEN RAISE EXCEPTION 'terminating connection' USING ERRCODE = '57P01'; END IF;
        RETURN NEW;
      END $$`);
      await bed.sql(`CREATE TRIGGER interrupt BEFORE INSERT ON ${inserted} EXECUTE FUNCTION interrupt()`);
      try {
        const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
        const order = { type: 'tokens-revoked', subject, to: null } as const;
        const { token: body } = await bed.google.control.sendSecurityEvent(order);
        const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json' };
        const post = () => fetch(`${bed.url}/security-events/google`, { method: 'POST', headers, body });
        expect((await post()).status).toBe(503);
        expect(await audited('security.event')).toHaveLength(before);
        expect((await post()).status).toBe(202);
      } finally {
        distributed.mockRestore();
        await bed.sql('DROP FUNCTION interrupt CASCADE');
        await bed.sql('DROP SEQUENCE users');
      }
      const events = await audited('security.event');
      expect(events.map(({ user_id }) => user_id).toSorted()).toEqual(['alice', 'other']);
    },
  );

  test('that concerns no grant is there as well', async () => {
    const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: 'unknown' };
    await deliver({ type: 'account-disabled', subject }, 'INSERT INTO "public"."security_events"');
    expect(await audited('security.event')).toMatchObject([{ details: { event: 'account-disabled' } }]);
  });
});
