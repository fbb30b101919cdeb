/** /me/grants: what a user sees of the grants that an app holds, and what the page may do: no more than the app's service. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { type Api, Browser } from '../support/api.js';
import { fewOf } from '../support/exhaustive.js';
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
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.app.get(AuditLog).flush();
  await bed.reset();
});
afterAll(() => bed.stop());

const PAGE = { purpose: 'manage', user_id: 'alice' };
const connect = (more: Record<string, unknown> = {}, account: { email: string } = ALICE) =>
  bed.api.connect({ user_id: 'alice', scope: YOUTUBE, ...more }, { account: account.email });
const grants = () => bed.sql('SELECT * FROM grants ORDER BY created_at');
const idOf = async (userId = 'alice') =>
  String((await grants()).find(({ user_id }) => user_id === userId)?.['id']);
const stateOf = async (id: string) => (await bed.api.get(`/connect/tickets/${id}`)).body['state'];
const revocations = () => bed.google.control.count('revoke');

const BY_ALICE = () => ({ actor: 'user', service_id: bed.api.key.split('_')[1], user_id: 'alice' });
const USED = (ticket: string) => ({ ticket, reason: 'ticket_used' });
async function events(action: string) {
  await bed.app.get(AuditLog).flush();
  const columns = 'outcome, actor, service_id, user_id, details';
  return bed.sql(`SELECT ${columns} FROM audit_trail WHERE action = '${action}' ORDER BY at, id`);
}
/** Equal ones are one event, which counts them. */
async function refusals(action: string) {
  await bed.app.get(AuditLog).flush();
  const counted = `SELECT sum(count)::int AS n FROM audit_trail WHERE action = '${action}' AND outcome <> 'ok'`;
  return (await bed.sql(counted))[0]?.['n'];
}

/** Opens the link and presses its button. @returns the page, by its address without the secret of the link */
async function enter(more: Record<string, unknown> = {}, api: Api = bed.api) {
  const { id, url } = await api.ticket({ ...PAGE, ...more });
  const browser = new Browser();
  const entry = await browser.open(url);
  const ticket = new URL(url).searchParams.get('ticket') ?? '';
  const begun = await browser.submit(new URL('/me/grants', bed.url), { ticket });
  const address = new URL(begun.headers.get('location') ?? '', bed.url);
  const act = (path: string, fields: Record<string, string>) =>
    browser.submit(new URL(`/me/grants/${path}`, bed.url), { ticket: id, ...fields });
  return { id, url, browser, entry, address, act, shown: () => browser.open(address) };
}

describe('the link of the page', () => {
  test('is short, and shows nothing of a grant before its button is pressed', async () => {
    await connect();
    const { id, url } = await bed.api.ticket(PAGE);
    expect(url).toMatch(/\/me\/grants\?ticket=ct_[a-z0-9]{12}_[\w-]{22}$/);
    expect(url.length).toBeLessThanOrEqual(120);
    const { status, text } = await new Browser().open(url);
    expect(status).toBe(200);
    expect(text).toContain('Show my connections');
    expect(text).not.toContain(ALICE.email);
    expect(await stateOf(id)).toBe('created');
  });

  test('leads to an address without its secret, which shows the grants again as often as it is loaded', async () => {
    await connect();
    const { id, url, browser, address, shown } = await enter();
    expect(`${address.pathname}${address.search}`).toBe(`/me/grants?ticket=${id}`);
    for (const { status, text } of [await shown(), await shown()]) {
      expect(status).toBe(200);
      expect(text).toContain(ALICE.email);
    }
    expect((await browser.open(url)).headers.get('location')).toBe(`/me/grants?ticket=${id}`);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body).toMatchObject({
      purpose: 'manage',
      state: 'opened',
      client: '*',
      started_at: expect.any(String),
    });
  });

  test('names no day of a consent that the broker does not know', async () => {
    await connect();
    expect((await (await enter()).shown()).text).toContain('Allowed on ');
    await bed.reset();
    const importer = await bed.service({ import: true });
    const refresh_token = bed.google.control.issueRefreshToken(ALICE.sub, 'default', [
      YOUTUBE,
      'openid',
      'email',
    ]);
    await importer.post('/grants/import', { grants: [{ user_id: 'alice', refresh_token }] });
    const { text } = await (await enter()).shown();
    expect(text).toContain('Connected');
    expect(text).not.toContain('Allowed on ');
  });

  test('works with parameters that others appended to it', async () => {
    await connect();
    const { id, url, browser, address } = await enter();
    const appended = '&fbclid=IwAR0x&utm_source=mail';
    expect((await new Browser().open(`${await bed.api.connectUrl(PAGE)}${appended}`)).status).toBe(200);
    expect((await browser.open(`${url}${appended}`)).headers.get('location')).toBe(`/me/grants?ticket=${id}`);
    expect((await browser.open(`${address.href}${appended}`)).text).toContain(ALICE.email);
    const effects = `${bed.url}/me/grants/disconnect?ticket=${id}&grant=${await idOf()}`;
    expect((await browser.open(`${effects}${appended}`)).status).toBe(200);
  });

  test('belongs to the browser that pressed its button', async () => {
    await connect();
    const { url, address } = await enter();
    const other = new Browser();
    for (const response of [
      await other.open(url),
      await other.submit(new URL('/me/grants', bed.url), {
        ticket: new URL(url).searchParams.get('ticket') ?? '',
      }),
      await other.open(address),
    ]) {
      expect(response.status).toBe(400);
      expect(response.text).toContain('This link belongs to another browser');
      expect(response.text).not.toContain(ALICE.email);
    }
  });

  test('leaves an event where a browser is bound to it, and one for each refusal of another browser', async () => {
    await connect();
    const { id, url, browser, address } = await enter();
    const ticket = new URL(url).searchParams.get('ticket') ?? '';
    const other = new Browser();
    await other.open(url);
    // The same browser once more changes nothing.
    await browser.submit(new URL('/me/grants', bed.url), { ticket });
    expect(await events('connect.manage')).toEqual([
      { outcome: 'ok', ...BY_ALICE(), details: expect.objectContaining({ ticket: id }) },
      { outcome: 'invalid_request', ...BY_ALICE(), details: expect.objectContaining(USED(id)) },
    ]);
    // By its id, at each address of the page.
    const form = { ticket: id, grant: await idOf() };
    for (const response of [
      await other.open(address),
      await other.open(`${bed.url}/me/grants/disconnect?${new URLSearchParams(form).toString()}`),
      await other.submit(new URL('/me/grants/reconnect', bed.url), form),
      await other.submit(new URL('/me/grants/disconnect', bed.url), { ...form, mode: 'revoke' }),
    ]) {
      expect(response.status).toBe(400);
    }
    expect(await refusals('connect.manage')).toBe(4);
    expect(await events('grant.disconnect')).toEqual([
      { outcome: 'invalid_request', ...BY_ALICE(), details: expect.objectContaining(USED(id)) },
    ]);
  });

  test('is no connect link, and a connect link is none of the page', async () => {
    const page = await bed.api.connectUrl(PAGE);
    const link = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE });
    for (const url of [page.replace('/me/grants', '/connect'), link.replace('/connect', '/me/grants')]) {
      const { status, text } = await new Browser().open(url);
      expect(status).toBe(400);
      expect(text).toContain('This link does not work');
    }
    // Nor by its id, in the browser that has its cookie.
    const connect = await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
    const { id, browser } = await enter();
    await browser.begin(connect.url);
    for (const path of [`/me/grants?ticket=${connect.id}`, `/connect/result?ticket=${id}`]) {
      expect((await browser.open(new URL(path, bed.url))).status).toBe(400);
    }
  });

  test.each(
    fewOf(
      [
        [
          '30 minutes later',
          async () => {
            bed.clock.advance(31 * 60);
            await Promise.resolve();
          },
          'This link has expired',
        ],
        ['after the app took it back', (id: string) => bed.api.delete(`/connect/tickets/${id}`), 'withdrawn'],
        [
          'after its user was offboarded',
          () => bed.api.delete('/users/alice', { mode: 'local' }),
          'withdrawn',
        ],
      ],
      1,
    ),
  )('shows nothing any more %s', async (_, end, words) => {
    await connect();
    const { id, shown, act } = await enter({ return_to: `${APP}/settings` });
    const grant = await idOf();
    await end(id);
    for (const response of [await shown(), await act('disconnect', { grant, mode: 'revoke' })]) {
      expect(response.status).toBe(400);
      expect(response.text).toContain(words);
      expect(response.text).toContain(`href="${APP}/settings"`);
      expect(response.text).not.toContain(ALICE.email);
    }
    expect(revocations()).toBe(0);
  });

  test.each(
    fewOf([
      'scope',
      'reasons',
      'account_hint',
      'require_account',
      'prompt',
      'include_granted_scopes',
      'another_account',
      'confirm',
      'force',
    ]),
  )('is refused with %s, which only a connect has', async (name) => {
    const values: Record<string, unknown> = {
      scope: YOUTUBE,
      reasons: { [YOUTUBE]: 'To know.' },
      account_hint: ALICE.email,
      require_account: { email: ALICE.email },
      prompt: 'consent',
    };
    const { status, body } = await bed.api.post('/connect/tickets', {
      ...PAGE,
      [name]: values[name] ?? true,
    });
    expect(status).toBe(400);
    expect(body['errors']).toEqual({ [name]: 'has no meaning with the purpose manage.' });
  });

  test('is refused to a service for a user or a client that its policy does not cover', async () => {
    const narrow = await bed.service({ users: ['bob'], clients: ['second'] });
    expect((await narrow.post('/connect/tickets', PAGE)).body['code']).toBe('not_allowed');
    const other = await narrow.post('/connect/tickets', { ...PAGE, user_id: 'bob', client: 'default' });
    expect(other.body['code']).toBe('not_allowed');
    expect((await narrow.post('/connect/tickets', { ...PAGE, user_id: 'bob' })).status).toBe(201);
  });

  test('is for a connect without a purpose, which then needs its scope', async () => {
    const { status, body } = await bed.api.post('/connect/tickets', { user_id: 'alice' });
    expect(status).toBe(400);
    expect(Object.keys(body['errors'] as object)).toEqual(['scope']);
  });
});

describe('the page', () => {
  test('says in the language of the ticket what was allowed and what was not', async () => {
    await bed.api.connect(
      { user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
      { account: ALICE.email, untick: [YOUTUBE_MONEY] },
    );
    const { entry, shown } = await enter({ locale: 'de', user_label: 'Alice Beispiel' });
    expect(entry.text).toContain('Meine Verbindungen anzeigen');
    const { text } = await shown();
    expect(text).toContain('<html lang="de">');
    for (const words of [
      'Alice Beispiel',
      ALICE.email,
      'Das haben Sie erlaubt',
      'Das haben Sie nicht erlaubt',
    ]) {
      expect(text).toContain(words);
    }
    expect(text).toContain('Den Rest erlauben');
    expect(text).toContain('https://myaccount.google.com/connections');
  });

  test('shows grants of its user only, on clients of the policy and of the ticket', async () => {
    await connect();
    await connect({ client: 'second' }, BOB);
    await connect({ user_id: 'bob' }, BOB);
    const shownTo = async (more: Record<string, unknown>, api?: Api) => {
      const { text } = await (await enter(more, api)).shown();
      return [ALICE.email, BOB.email].filter((email) => text.includes(`>${email}<`));
    };
    expect(await shownTo({})).toEqual([ALICE.email, BOB.email]);
    expect(await shownTo({ client: 'second' })).toEqual([BOB.email]);
    expect(await shownTo({}, await bed.service({ clients: ['default'] }))).toEqual([ALICE.email]);
    expect(await shownTo({ user_id: 'carol' })).toEqual([]);
  });

  test('leads back to the app, and says so where nothing is connected', async () => {
    const { shown } = await enter({ return_to: `${APP}/settings?tab=google` });
    const { text } = await shown();
    expect(text).toContain('is not connected to any Google account of yours');
    expect(text).toContain(`href="${APP}/settings?tab=google"`);
  });
});

describe('a disconnect on the page', () => {
  test('shows first what else ends, without other users, and changes nothing until it is confirmed', async () => {
    await connect();
    await connect({ user_id: 'another-user', client: 'second' });
    const { id, browser, act, shown } = await enter();
    const grant = await idOf();
    const confirm = await browser.open(`${bed.url}/me/grants/disconnect?ticket=${id}&grant=${grant}`);
    expect(confirm.text).toContain('1 other connection ends with this one');
    expect(confirm.text).not.toContain('another-user');
    expect(await grants()).toHaveLength(2);
    expect(revocations()).toBe(0);

    const done = await act('disconnect', { grant, mode: 'revoke' });
    expect(done.status).toBe(303);
    expect(done.headers.get('location')).toBe(`/me/grants?ticket=${id}&done=revoked`);
    expect(await grants()).toMatchObject([{ user_id: 'another-user', status: 'revoked' }]);
    expect((await browser.open(new URL(done.headers.get('location') ?? '', bed.url))).text).toContain(
      'Google ended the permission',
    );
    expect((await shown()).text).not.toContain(`>${ALICE.email}<`);
  });

  test('is in the audit trail as an act of the user, for the service of the ticket', async () => {
    const BY_OTHER = {
      ...BY_ALICE(),
      user_id: 'bob',
      outcome: 'ok',
      details: { with_sibling: true, revocation: expect.any(String) },
    };
    await connect();
    await connect({ user_id: 'bob', client: 'second' });
    const { id: ticket, act } = await enter();
    const of = (details: object) => ({ ...BY_ALICE(), outcome: 'ok', details: { ...details, ticket } });
    const grant = await idOf();
    await act('disconnect', { grant, mode: 'revoke' });
    const revoked = await events('grant.disconnect');
    expect(revoked).toHaveLength(2);
    const own = "SELECT grant_id FROM audit_trail WHERE action = 'grant.disconnect' AND user_id = 'alice'";
    expect(await bed.sql(own)).toEqual([{ grant_id: grant }]);
    expect(revoked).toEqual(expect.arrayContaining([BY_OTHER, of({ mode: 'revoke', also_revoked: 1 })]));
  });

  test('names its ticket in the audit trail also where Google confirms it later', async () => {
    await connect();
    const { id: ticket, act, shown } = await enter();
    bed.google.control.failAlways('revoke', { status: 503, body: '' });
    const { headers } = await act('disconnect', { grant: await idOf(), mode: 'revoke' });
    expect(headers.get('location')).toContain('done=revoking');
    const { text } = await shown();
    expect(text).toContain('you need not wait');
    expect(text).not.toContain('To end a connection');
    expect(await events('grant.disconnect')).toEqual([]);
    bed.google.control.clearFaults();
    await bed.sql('UPDATE revocations SET next_attempt_at = now()');
    await until(async () => (await grants()).length === 0);
    expect(await events('grant.disconnect')).toEqual([
      { ...BY_ALICE(), outcome: 'ok', details: { mode: 'revoke', ticket } },
    ]);
  });

  test('deletes it here only where the service may no more, and says that Google still lists it', async () => {
    await connect();
    const api = await bed.service({ revoke: false });
    const { id, browser, act } = await enter({}, api);
    const grant = await idOf();
    const confirm = await browser.open(`${bed.url}/me/grants/disconnect?ticket=${id}&grant=${grant}`);
    expect(confirm.text).toContain('Google keeps listing the app');
    const done = await act('disconnect', { grant, mode: 'local' });
    expect(done.headers.get('location')).toContain('done=deleted');
    expect(await events('grant.disconnect')).toMatchObject([
      { actor: 'user', outcome: 'ok', details: { mode: 'local', ticket: id } },
    ]);
    expect(await grants()).toEqual([]);
    expect(revocations()).toBe(0);
  });

  test('is not offered, nor done, where the service has neither right', async () => {
    await connect();
    const { browser, id, act, shown } = await enter(
      {},
      await bed.service({ revoke: false, disconnect: false }),
    );
    const grant = await idOf();
    const { text } = await shown();
    expect(text).toContain(ALICE.email);
    expect(text).not.toContain('/me/grants/disconnect');
    expect(text).toContain('To end a connection, ask');
    for (const mode of ['revoke', 'local']) await act('disconnect', { grant, mode });
    await browser.open(`${bed.url}/me/grants/disconnect?ticket=${id}&grant=${grant}`);
    expect(await grants()).toMatchObject([{ status: 'active' }]);
  });

  test('shows its effects again where they are others than the user saw', async () => {
    await connect();
    const { id, act } = await enter();
    const grant = await idOf();
    const { headers } = await act('disconnect', { grant, mode: 'local' });
    expect(headers.get('location')).toBe(`/me/grants/disconnect?ticket=${id}&grant=${grant}`);
    expect(await grants()).toHaveLength(1);
  });

  test('reaches no grant of another user, of another client, or one that is gone', async () => {
    await connect({ user_id: 'bob' }, BOB);
    await connect({ client: 'second' });
    const { id, act } = await enter({ client: 'default' });
    const missing = '00000000-0000-4000-8000-000000000000';
    for (const grant of [await idOf('bob'), await idOf('alice'), missing]) {
      for (const path of ['disconnect', 'reconnect']) {
        const { status, headers } = await act(path, {
          grant,
          ...(path === 'disconnect' ? { mode: 'revoke' } : {}),
        });
        expect(status).toBe(303);
        expect(headers.get('location')).toBe(`/me/grants?ticket=${id}&done=gone`);
      }
    }
    expect(await grants()).toHaveLength(2);
  });

  test.each(fewOf(['', '/reconnect', '/disconnect'], 1))(
    'takes no form of another site at /me/grants%s',
    async (path) => {
      await connect();
      const { id, browser } = await enter();
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const grant = await idOf();
      for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
        const response = await fetch(new URL(`/me/grants${path}`, bed.url), {
          method: 'POST',
          headers: { accept: 'text/html', cookie, ...headers },
          body: new URLSearchParams({
            ticket: id,
            ...(path === '' ? {} : { grant }),
            ...(path === '/disconnect' ? { mode: 'revoke' } : {}),
          }),
          redirect: 'manual',
        });
        expect(response.status).toBe(400);
        expect(await response.text()).toContain('Please open the link yourself');
      }
      expect(await grants()).toHaveLength(1);
    },
  );

  test('ends a grant that is dead already, without asking Google', async () => {
    await connect();
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    await bed.api.token('alice', { scope: YOUTUBE });
    const { act, shown } = await enter();
    expect((await shown()).text).toContain('No longer works');
    const done = await act('disconnect', { grant: await idOf(), mode: 'revoke' });
    expect(done.headers.get('location')).toContain('done=deleted');
    expect(await grants()).toEqual([]);
    expect(revocations()).toBe(0);
  });
});

describe('a reconnect on the page', () => {
  async function dead() {
    await connect({ scope: `${YOUTUBE} ${ADS}` });
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3600);
    await bed.api.token('alice', { scope: YOUTUBE });
    return idOf();
  }

  test('asks for the same at Google, and comes back to the page', async () => {
    const grant = await dead();
    const { id, browser, act } = await enter();
    const { headers } = await act('reconnect', { grant });
    const back = await browser.connect(headers.get('location') ?? '', { account: ALICE.email });
    const address = new URL(back.headers.get('location') ?? '');
    expect(address.href).toBe(`${bed.url}/me/grants?ticket=${id}&connect=success`);
    const { text } = await browser.open(address);
    expect(text).toContain('The account is connected.');
    expect(await grants()).toMatchObject([
      { id: grant, status: 'active', granted_scopes: expect.arrayContaining([YOUTUBE, ADS]) },
    ]);
  });

  test('shows its outcome, and nothing of a grant, where it ended after the 30 minutes of the page', async () => {
    const grant = await dead();
    const { browser, act, shown } = await enter({ return_to: `${APP}/settings` });
    bed.clock.advance(29 * 60);
    const { headers } = await act('reconnect', { grant });
    const consent = await browser.begin(headers.get('location') ?? '');
    bed.clock.advance(2 * 60);
    const back = await browser.open(await visitConsent(consent, { account: ALICE.email }));
    const address = back.headers.get('location') ?? '';
    const { status, text } = await browser.open(address);
    expect(status).toBe(200);
    expect(text).toContain('The account is connected.');
    expect(text).toContain(`href="${APP}/settings"`);
    expect(text).not.toContain(ALICE.email);
    expect(await grants()).toMatchObject([{ id: grant, status: 'active' }]);
    expect((await shown()).text).toContain('This link has expired');
    expect((await new Browser().open(address)).text).toContain('This link belongs to another browser');
  });

  test('takes no other account', async () => {
    const grant = await dead();
    const { id, browser, act } = await enter();
    const { headers } = await act('reconnect', { grant });
    const consent = await browser.begin(headers.get('location') ?? '');
    expect(consent.searchParams.get('login_hint')).toBe(ALICE.email);
    consent.searchParams.delete('login_hint');
    const back = await browser.open(await visitConsent(consent, { account: BOB.email }));
    for (const words of ['Another Google account is needed', ALICE.email, BOB.email])
      expect(back.text).toContain(words);
    expect(back.text).toContain(`${bed.url}/me/grants?ticket=${id}&amp;connect=failed`);
    expect(await grants()).toMatchObject([{ status: expect.stringMatching(/reconnect_required|revoked/) }]);
  });

  test('asks for no more than the policy of the service allows', async () => {
    const grant = await dead();
    const { browser, act } = await enter({}, await bed.service({ scopes: [YOUTUBE] }));
    const { headers } = await act('reconnect', { grant });
    const consent = await browser.begin(headers.get('location') ?? '');
    const asked = (consent.searchParams.get('scope') ?? '').split(' ');
    expect(asked).toContain(YOUTUBE);
    expect(asked).not.toContain(ADS);
  });

  test('asks for the missing scopes alone where the grant works and lacks some', async () => {
    await bed.api.connect(
      { user_id: 'alice', scope: `${YOUTUBE} ${ADS}` },
      { account: ALICE.email, untick: [ADS] },
    );
    const { browser, act } = await enter();
    const { headers } = await act('reconnect', { grant: await idOf() });
    const consent = await browser.begin(headers.get('location') ?? '');
    const asked = (consent.searchParams.get('scope') ?? '').split(' ');
    expect(asked).toContain(ADS);
    expect(asked).not.toContain(YOUTUBE);
  });

  test('is not offered for a grant that works', async () => {
    await connect();
    const { act, shown } = await enter();
    expect((await shown()).text).not.toContain('/me/grants/reconnect');
    const { headers } = await act('reconnect', { grant: await idOf() });
    expect(headers.get('location')).toContain('done=gone');
  });
});
