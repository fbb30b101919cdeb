import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { type Api, Browser } from '../support/api.js';
import { exhaustive } from '../support/exhaustive.js';
import {
  ADS,
  ALICE,
  APP,
  BOB,
  startTestBed,
  type TestBed,
  YOUTUBE,
  YOUTUBE_MONEY,
} from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

const DAY = 24 * 3600;

interface Event {
  readonly id: string;
  readonly at: string;
  readonly count: number;
  readonly last_at: string;
  readonly action: string;
  readonly outcome: string;
  readonly actor: string;
  readonly service_id: string | null;
  readonly user_id: string | null;
  readonly client: string | null;
  readonly grant_id: string | null;
  readonly request_id: string | null;
  readonly details: Record<string, unknown>;
}

let bed: TestBed;
let auditor: Api;

beforeAll(async () => {
  bed = await startTestBed({ AUDIT_RETENTION_DAYS: '30' });
  auditor = await bed.service({ audit: true });
});
beforeEach(async () => {
  // Whatever waits to be written belongs to the test before.
  await trail();
  await bed.reset();
  bed.google.control.reset();
});
afterAll(() => bed.stop());

const read = async (query: Record<string, string> = {}, reader = auditor) => {
  const { status, text, body } = await reader.get('/audit', query);
  if (status !== 200) throw new Error(text);
  return body as unknown as { events: Event[]; next: string | null };
};
/** Oldest first, as it happened. */
const trail = async (query: Record<string, string> = {}) => (await read(query)).events.toReversed();
const connect = (user_id = 'alice', more: Record<string, unknown> = {}, account = ALICE.email) =>
  bed.api.connect({ user_id, scope: YOUTUBE, ...more }, { account });
const grantOf = async (userId: string) => {
  const { body } = await bed.api.get(`/users/${userId}/grants`);
  return (body['grants'] as { id: string }[])[0]?.id ?? '';
};
/** The service that `bed.api` calls as. */
const caller = async () => {
  const [row] = await bed.sql('SELECT id, name FROM services WHERE id = $1', [bed.api.key.split('_')[1]]);
  return { actor: String(row?.['name']), service_id: String(row?.['id']) };
};

describe('the audit trail', () => {
  test('records a ticket, its consent and an issuance with who, for whom, what, and with what outcome', async () => {
    await connect();
    const { body } = await bed.api.token('alice', { scope: YOUTUBE });
    const grant_id = await grantOf('alice');
    const service = await caller();
    const about = { user_id: 'alice', client: 'default', service_id: service.service_id };
    const scopes = String(body['scope']).split(' ');
    expect(await trail()).toEqual([
      event({
        ...about,
        ...service,
        action: 'connect.ticket',
        details: { asked: [YOUTUBE], ticket: expect.any(String) },
      }),
      event({
        ...about,
        actor: 'user',
        action: 'connect.consent',
        grant_id,
        details: { asked: [YOUTUBE], account: ALICE.sub, scopes, missing_scopes: [] },
      }),
      event({
        ...about,
        ...service,
        action: 'token.issue',
        grant_id,
        details: { asked: [YOUTUBE], scopes },
      }),
    ]);
  });

  test('has the request id of the log and of the problem', async () => {
    const { body } = await bed.api.token('alice');
    const [refused] = await trail();
    expect(refused).toMatchObject({ outcome: 'not_connected', request_id: body['request_id'] });
    expect(bed.log()).toContain(`"request_id":"${String(refused?.request_id)}"`);
  });

  test('records refusals, each with its code', async () => {
    await connect();
    await trail();
    const strict = await bed.service({ users: ['bob'] });
    await strict.token('alice');
    await strict.get('/users/alice/grants');
    await strict.get(`/grants/${await grantOf('alice')}`);
    await strict.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE });
    await bed.api.token('alice', { scope: ADS });
    await bed.api.token('alice', { min_ttl: 'x' });
    await bed.api.token('alice', { client: 'unknown' });
    await bed.api.token('unknown');
    const refused = (await trail()).filter(({ outcome }) => outcome !== 'ok');
    expect(refused.map(({ action, outcome, user_id }) => [action, outcome, user_id])).toEqual([
      ['token.issue', 'not_allowed', 'alice'],
      ['grant.read', 'not_allowed', 'alice'],
      ['grant.read', 'not_found', null],
      ['connect.ticket', 'not_allowed', 'alice'],
      ['token.issue', 'insufficient_scope', 'alice'],
      ['token.issue', 'invalid_request', null],
      ['token.issue', 'invalid_request', 'alice'],
      ['token.issue', 'not_connected', 'unknown'],
    ]);
    expect(refused[2]?.grant_id).toBe(await grantOf('alice'));
    expect(refused[4]?.details).toEqual({ asked: [ADS], missing_scopes: [ADS], connect_link: true });
  });

  test('records partial and failed consents', async () => {
    const scope = `${YOUTUBE} ${YOUTUBE_MONEY}`;
    const url = () => bed.api.connectUrl({ user_id: 'alice', scope });
    await new Browser().connect(await url(), { account: ALICE.email, untick: [YOUTUBE_MONEY] });
    await new Browser().connect(await url(), { account: ALICE.email, deny: true });
    bed.google.control.failNext('token', { named: 'internal_failure' } as never);
    await new Browser().connect(await url(), { account: ALICE.email });
    await bed.api.connect(
      { user_id: 'alice', scope: ADS, require_account: { email: ALICE.email } },
      { account: BOB.email },
    );
    // All is held: Google is not asked.
    const held = new Browser();
    await held.begin(await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE })).catch(String);
    const consents = (await trail()).filter(({ action }) => action === 'connect.consent');
    expect(consents.map(({ outcome, actor }) => [outcome, actor])).toEqual([
      ['partial', 'user'],
      ['denied', 'user'],
      ['google_unavailable', 'user'],
      ['wrong_account', 'user'],
      ['held', 'user'],
    ]);
    expect(consents[0]?.details['missing_scopes']).toEqual([YOUTUBE_MONEY]);
  });

  test("records a consent that another user's browser brings back", async () => {
    const consent = await new Browser().begin(await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE }));
    const back = await visitConsent(consent, { account: ALICE.email });
    await new Browser().open(back);
    await new Browser().open(`${bed.url}/callback?state=${'x'.repeat(43)}&code=x`);
    const consents = (await trail()).filter(({ action }) => action === 'connect.consent');
    // The second belongs to no connect: anybody can make such calls, and there is no user to speak of.
    expect(consents).toMatchObject([
      { outcome: 'invalid_request', user_id: 'alice', details: { reason: 'other_browser' } },
    ]);
  });

  exhaustive.test('records a consent that waits, and its completion', async () => {
    const more = { confirm: true, return_to: `${APP}/done` };
    const done = await connect('alice', more);
    const code = new URL(done.headers.get('location') ?? '').searchParams.get('connect_code');
    await bed.api.post('/connect/completions', { code, user_id: 'alice' });
    await bed.api.post('/connect/completions', { code, user_id: 'alice' });
    expect((await trail()).slice(1)).toMatchObject([
      { action: 'connect.consent', outcome: 'pending', user_id: 'alice', grant_id: null },
      { action: 'connect.completion', outcome: 'ok', user_id: 'alice', grant_id: await grantOf('alice') },
      { action: 'connect.completion', outcome: 'invalid_request', user_id: 'alice', ...(await caller()) },
    ]);
  });

  test('records tokens and refusals alike within a moment as one event, and those that differ apart', async () => {
    await connect();
    const other = await bed.service();
    await trail();
    await bed.sql('DELETE FROM audit_trail');
    for (let call = 0; call < 20; call++) await bed.api.token('alice');
    for (let call = 0; call < 3; call++) await other.token('alice');
    await bed.api.token('alice', { scope: YOUTUBE });
    for (let call = 0; call < 2; call++) await bed.api.token('alice', { scope: ADS });
    const events = await trail();
    const calls = new Map<string, number>();
    for (const { count, actor, outcome, details } of events) {
      const alike = [actor === events[0]?.actor ? 'first' : 'other', outcome, details['asked'] ?? null];
      const key = JSON.stringify(alike);
      calls.set(key, (calls.get(key) ?? 0) + count);
    }
    expect([...calls].map(([alike, count]) => [...(JSON.parse(alike) as unknown[]), count])).toEqual([
      ['first', 'ok', null, 20],
      ['other', 'ok', null, 3],
      ['first', 'ok', [YOUTUBE], 1],
      ['first', 'insufficient_scope', [ADS], 2],
    ]);
    // A slow machine needs more than one moment for these 26 calls.
    expect(events.length).toBeLessThan(12);
    const [merged] = events.filter(({ count }) => count > 1);
    expect(Date.parse(merged?.last_at ?? '')).toBeGreaterThan(Date.parse(merged?.at ?? ''));
    await bed.api.token('alice');
    expect(await trail()).toHaveLength(events.length + 1);
  });

  test('records each refresh for the service that caused it', async () => {
    await connect();
    bed.clock.advance(3600);
    await bed.api.token('alice');
    const refresh = { action: 'token.refresh', actor: 'google', outcome: 'ok', user_id: 'alice' };
    expect(await trail()).toContainEqual(
      expect.objectContaining({ ...refresh, ...(await caller()), actor: 'google' }),
    );
  });

  test('records of a refresh that fails what Google said, and the result', async () => {
    await connect();
    const id = await grantOf('alice');
    bed.clock.advance(3600);
    bed.google.control.failNext('token', { named: 'internal_failure' } as never);
    await bed.api.token('alice');
    await bed.afterBackoff();
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const { body } = await bed.api.token('alice');
    const { service_id } = await caller();
    const about = { action: 'token.refresh', actor: 'google', user_id: 'alice', grant_id: id, service_id };
    const failed = (await trail()).filter(({ action }) => action.startsWith('token.'));
    expect(failed).toMatchObject([
      { ...about, outcome: 'unavailable', details: { google_error: expect.any(String) } },
      { action: 'token.issue', outcome: 'google_unavailable' },
      {
        ...about,
        outcome: 'grant_dead',
        request_id: body['request_id'],
        details: { google_error: 'invalid_grant', cause: 'user_revoked', confidence: 'inferred' },
      },
      { action: 'token.issue', outcome: 'reconnect_required', details: { cause: 'user_revoked' } },
    ]);
  });

  test('records a disconnect and the grants that ended with it, and no dry run', async () => {
    await connect('alice');
    await connect('bob', { client: 'second' });
    const [alice, bob] = [await grantOf('alice'), await grantOf('bob')];
    const since = bed.clock.now().toISOString();
    await bed.api.delete(`/grants/${alice}`, { mode: 'revoke', dry_run: 'true' });
    await bed.api.delete(`/grants/${alice}`, { mode: 'revoke' });
    await bed.api.delete(`/grants/${alice}`, { mode: 'local' });
    const events = (await trail({ since })).toSorted((a, b) => a.at.localeCompare(b.at));
    const service = await caller();
    const action = 'grant.disconnect';
    expect(events).toHaveLength(3);
    expect(events).toEqual(
      expect.arrayContaining([
        event({
          ...service,
          action,
          user_id: 'alice',
          client: 'default',
          grant_id: alice,
          details: { mode: 'revoke', also_revoked: 1 },
        }),
        event({
          ...service,
          action,
          user_id: 'bob',
          client: 'second',
          grant_id: bob,
          details: { with_sibling: true, revocation: expect.any(String) },
        }),
        event({ ...service, action, outcome: 'not_found', grant_id: alice, details: { mode: 'local' } }),
      ]),
    );
  });

  test('records a security event from Google for each user whom it concerns', async () => {
    await connect('alice');
    await connect('bob', { client: 'second' });
    await trail();
    await bed.sql('DELETE FROM audit_trail');
    await bed.google.control.sendSecurityEvent({
      to: `${bed.url}/security-events/google`,
      type: 'account-disabled',
      subject: { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub },
      reason: 'hijacking',
    });
    const about = { actor: 'google', action: 'security.event' };
    const details = {
      event: 'account-disabled',
      action: 'suspend',
      reason: 'hijacking',
      jti: expect.any(String),
    };
    const events = await trail();
    expect(events.toSorted((a, b) => String(a.user_id).localeCompare(String(b.user_id)))).toEqual([
      event({ ...about, user_id: 'alice', client: 'default', grant_id: await grantOf('alice'), details }),
      event({ ...about, user_id: 'bob', client: 'second', grant_id: await grantOf('bob'), details }),
    ]);
  });

  test('records the creation and the revocation of a policy', async () => {
    const rights = { audit: false, disconnect: true, revoke: false, force: false, import: false };
    const policy = { clients: ['default'], scopes: [YOUTUBE], users: ['team-a:*'] };
    const { id } = await bed.app.get(ServiceRegistry).create('payroll', { ...policy, ...rights });
    await bed.app.get(ServiceRegistry).revoke('payroll');
    await bed.app.get(ServiceRegistry).revoke('payroll');
    const about = { actor: 'operator', service_id: id, request_id: null };
    expect(await trail({ service: 'payroll' })).toEqual([
      event({
        ...about,
        action: 'service.create',
        details: { name: 'payroll', ...policy, allow: ['disconnect'] },
      }),
      event({ ...about, action: 'service.revoke', details: { name: 'payroll' } }),
    ]);
  });

  test('records no call without a valid credential, as any client can make them', async () => {
    await fetch(`${bed.url}/tokens/alice`, { headers: { authorization: 'Bearer tbk_aaaaaaaaaaaa_x' } });
    expect(await trail()).toEqual([]);
  });

  test('never holds a secret', async () => {
    const browser = new Browser();
    const url = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE });
    const consent = await browser.begin(url);
    const cookies = [...browser.cookies.values()];
    const back = await visitConsent(consent, { account: ALICE.email });
    await browser.open(back);
    await browser.open(back);
    const token = await bed.api.token('alice');
    const refused = await bed.api.token('alice', { scope: ADS });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    const dead = await bed.api.token('alice');
    const pending = await connect('carol', { confirm: true, return_to: `${APP}/done` }, BOB.email);
    const code = new URL(pending.headers.get('location') ?? '').searchParams.get('connect_code');
    await bed.api.post('/connect/completions', { code, user_id: 'carol' });
    await bed.api.delete(`/grants/${await grantOf('carol')}`, { mode: 'revoke' });
    const ticketOf = (link: unknown) => new URL(String(link)).searchParams.get('ticket');
    const secrets = [
      ...bed.google.control.secrets(),
      ...cookies,
      bed.api.key,
      bed.api.key.slice(-43),
      consent.searchParams.get('state'),
      consent.searchParams.get('nonce'),
      back.searchParams.get('code'),
      code,
      ticketOf(url),
      ticketOf(refused.body['connect_url']),
      ticketOf(dead.body['connect_url']),
      token.body['access_token'],
    ].filter((secret): secret is string => typeof secret === 'string');
    expect(new Set(secrets).size).toBeGreaterThan(15);
    const events = await trail();
    expect(events.length).toBeGreaterThan(8);
    const rows = await bed.sql('SELECT e::text AS row FROM audit_trail e');
    const text = JSON.stringify([events, rows]);
    for (const secret of secrets) expect(text.includes(secret) ? secret : null).toBeNull();
  });
});

describe('a reader of the trail', () => {
  test('is a service whose policy says so, and no other', async () => {
    const response = await bed.api.get('/audit');
    expect(response.status).toBe(403);
    expect(response.body).toMatchObject({ code: 'not_allowed' });
    expect((await fetch(`${bed.url}/audit`)).status).toBe(401);
  });

  test('sees only what is about users its policy covers, exactly or by prefix', async () => {
    for (const user of ['alice', 'team_a:1', 'team_a:2', 'teamXa:3', 'team']) await bed.api.token(user);
    await bed.api.token('alice', { min_ttl: 'x' });
    const reader = await bed.service({ audit: true, users: ['alice', 'team_a:*'] });
    const seen = async (query: Record<string, string> = {}) =>
      (await read(query, reader)).events.map(({ user_id }) => user_id).sort();
    expect(await seen()).toEqual(['alice', 'team_a:1', 'team_a:2']);
    expect(await seen({ user: 'team_a:2' })).toEqual(['team_a:2']);
    expect((await reader.get('/audit', { user: 'team' })).status).toBe(403);
    // What is about no user is for those who cover all.
    expect((await trail()).filter(({ user_id }) => user_id === null).length).toBeGreaterThan(0);
  });

  test('filters by user, by service (name or id) and by time', async () => {
    const other = await bed.service();
    await bed.api.token('alice');
    bed.clock.advance(60);
    const since = bed.clock.now().toISOString();
    await other.token('alice');
    await other.token('bob');
    const { actor, service_id } = await caller();
    expect(await trail({ service: actor })).toMatchObject([{ user_id: 'alice', service_id }]);
    expect(await trail({ service: service_id })).toHaveLength(1);
    expect(await trail({ user: 'alice' })).toHaveLength(2);
    expect((await trail({ since })).map(({ user_id }) => user_id)).toEqual(['alice', 'bob']);
    expect(await trail({ since, user: 'alice', service: actor })).toEqual([]);
    expect(await trail({ until: since, user: 'alice' })).toHaveLength(1);
    expect(await trail({ until: since, user: 'bob' })).toEqual([]);
    expect(await trail({ since, until: since })).toEqual([]);
  });

  test('filters by action, of all, of a user and of a service', async () => {
    await connect('alice');
    await bed.api.token('alice');
    await bed.api.delete(`/grants/${await grantOf('alice')}`, { mode: 'local' });
    const { actor } = await caller();
    for (const action of ['token.issue', 'grant.disconnect', 'connect.ticket']) {
      for (const query of [{}, { user: 'alice' }, { service: actor }]) {
        expect(await trail({ ...query, action })).toMatchObject([{ action, user_id: 'alice' }]);
      }
    }
    expect(await trail({ action: 'ads.read' })).toEqual([]);
  });

  test('reads page by page, newest first, each event once', async () => {
    const pages = async () => {
      const seen: (string | null)[][] = [];
      let cursor: string | null = null;
      do {
        const page = await read({ limit: '3', ...(cursor === null ? {} : { cursor }) });
        seen.push(page.events.map(({ user_id }) => user_id));
        cursor = page.next;
      } while (cursor !== null);
      return seen;
    };
    for (let call = 0; call < 7; call++) await bed.api.token(`user-${call}`);
    const newest = [['user-6', 'user-5', 'user-4'], ['user-3', 'user-2', 'user-1'], ['user-0']];
    expect(await pages()).toEqual(newest);
    await bed.sql("UPDATE audit_trail SET at = '2026-01-01'");
    expect(await pages()).toEqual(newest);
    // As brokers that write in batches leave them: not in the order in which they happened.
    await bed.sql("UPDATE audit_trail SET at = at - substring(user_id FROM 6)::int * interval '1 second'");
    expect((await pages()).flat()).toEqual(newest.flat().toReversed());
  });

  test.each([
    ['a since that is no time', { since: 'yesterday' }, 'since'],
    ['a since without a zone', { since: '2026-11-21T12:00:00' }, 'since'],
    ['an action that there is not', { action: 'token.steal' }, 'action'],
    ['an until that is no time', { until: 'tomorrow' }, 'until'],
    ['a leap second', { since: '2026-11-21T12:00:60Z' }, 'since'],
    ['a limit of 0', { limit: '0' }, 'limit'],
    ['a limit above 500', { limit: '501' }, 'limit'],
    ['a limit that is no number', { limit: 'many' }, 'limit'],
    ['a user id that is none', { user: 'a\u0007b' }, 'user'],
    ['a service that does not exist', { service: 'unknown' }, 'service'],
    ['a cursor that the broker did not make', { cursor: 'abc' }, 'cursor'],
    ['a cursor with quotes', { cursor: "' OR 1=1" }, 'cursor'],
    ['a filter that does not exist', { users: 'alice' }, 'users'],
  ])('is refused with %s', async (_, query: Record<string, string>, field) => {
    const { status, body } = await auditor.get('/audit', query);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request', errors: { [field]: expect.any(String) } });
  });
});

describe('the retention of events', () => {
  test('ends when their time is over', async () => {
    // As `token-broker migrate` writes it down; the database goes by its own clock.
    await bed.sql('UPDATE audit_retention SET days = 30');
    await bed.api.token('alice');
    await bed.api.token('bob');
    await bed.api.token('too-old');
    await trail();
    await bed.sql("UPDATE audit_trail SET at = at - interval '31 days' WHERE user_id = 'too-old'");
    await bed.sql("UPDATE audit_trail SET at = at - interval '29.5 days' WHERE user_id = 'alice'");
    const users = async () => (await bed.sql('SELECT user_id FROM audit_trail')).map((row) => row['user_id']);
    expect(await users()).toEqual(expect.arrayContaining(['alice', 'bob']));
    bed.clock.advance(1.1 * DAY);
    await until(async () => !(await users()).includes('too-old'));
    expect(await users()).toContain('alice');
    await bed.sql("UPDATE audit_trail SET at = at - interval '1 day' WHERE user_id = 'alice'");
    bed.clock.advance(1.1 * DAY);
    await until(async () => !(await users()).includes('alice'));
    expect(await users()).toEqual(['bob']);
  });

  exhaustive.test('includes what a broker that stops still holds', async () => {
    const calls = Array.from({ length: 30 }, (_, call) => bed.api.token(`user-${call}`));
    await Promise.all(calls);
    await bed.restart();
    expect(await bed.sql('SELECT * FROM audit_trail')).toHaveLength(30);
  });

  test('is not delayed by text that PostgreSQL cannot store', async () => {
    await connect();
    // No caller and no response from Google gets such text in any more; should another path be found, this must still hold.
    bed.app.get(AuditLog).record({
      at: bed.clock.now(),
      action: 'token.refresh',
      outcome: 'unavailable',
      actor: 'google',
      userId: 'alice',
      details: { google_error: 'odd\u0000\ud800' },
    });
    bed.clock.advance(3600);
    bed.google.control.failNext('token', { status: 400, body: { error: 'odd\u0000\ud800' } });
    await bed.api.token('alice');
    const events = await trail();
    for (const google_error of ['odd\ufffd', 'http_400']) {
      expect(events).toContainEqual(
        expect.objectContaining({ action: 'token.refresh', details: { google_error } }),
      );
    }
  });

  exhaustive.test('includes events that cannot be written now and are written later', async () => {
    await connect();
    await trail();
    await bed.sql('ALTER TABLE audit_trail RENAME TO away');
    expect((await bed.api.token('alice')).status).toBe(200);
    await until(() => bed.log().includes('audit events could not be written'));
    expect((await auditor.get('/audit')).status).toBe(503);
    await bed.sql('ALTER TABLE away RENAME TO audit_trail');
    expect((await trail()).at(-1)).toMatchObject({ action: 'token.issue', outcome: 'ok' });
  });
});

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function event(members: Partial<Event>): Event {
  return {
    id: expect.any(String) as unknown as string,
    at: expect.stringMatching(TIME) as unknown as string,
    count: 1,
    last_at: expect.stringMatching(TIME) as unknown as string,
    action: '',
    outcome: 'ok',
    actor: '',
    service_id: null,
    user_id: null,
    client: null,
    grant_id: null,
    request_id: expect.any(String) as unknown as string,
    details: {},
    ...members,
  };
}

describe('a mass of refusals', () => {
  test('that are alike shares an event, with a count and the time of the last', async () => {
    const strict = await bed.service({ users: ['bob'] });
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 10 }, () => strict.token('alice')));
    }
    await strict.token('carol');
    const refused = (await trail()).filter(({ outcome }) => outcome === 'not_allowed');
    const alike = refused.filter(({ user_id }) => user_id === 'alice');
    expect(alike.reduce((sum, { count }) => sum + count, 0)).toBe(200);
    // One soon, then one a minute.
    expect(alike.length).toBeLessThanOrEqual(2);
    expect(alike.at(-1)?.last_at).not.toBe(alike[0]?.at);
    expect(refused.filter(({ user_id }) => user_id === 'carol')).toHaveLength(1);
  });

  exhaustive.test(
    'that differ fills the quota of its service, not the trail, and not that of others',
    async () => {
      const [prober, other] = [await bed.service(), await bed.service()];
      for (let batch = 0; batch < 24; batch++) {
        await Promise.all(
          Array.from({ length: 50 }, (_, index) => prober.token(`made-up-${batch}-${index}`)),
        );
      }
      await other.token('made-up-by-another');
      await trail();
      const rows = await bed.sql(
        `SELECT user_id, count, details FROM audit_trail WHERE outcome = 'not_connected'`,
      );
      const recorded = rows.filter(({ user_id }) => String(user_id).startsWith('made-up-'));
      expect(recorded.filter(({ user_id }) => user_id !== 'made-up-by-another')).toHaveLength(1000);
      expect(recorded.map(({ user_id }) => user_id)).toContain('made-up-by-another');
      const aggregated = rows.filter(({ user_id }) => !user_id);
      expect(aggregated.map(({ details }) => details)).toEqual(aggregated.map(() => ({ over_quota: true })));
      expect(aggregated.reduce((sum, { count }) => sum + Number(count), 0)).toBe(200);
      expect(aggregated.length).toBeLessThanOrEqual(3);
    },
    60_000,
  );
});
