/** Who gets into the console and what a session may do: the whole way, with the stand-in for Google as the issuer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { tokenBroker } from '../cli/token-broker.js';
import { exhaustive } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed } from '../support/test-bed.js';
import { ConsoleBrowser } from './console-browser.js';

const HOURS = 3600;
const SIGN_OUT = '/console/sign-out';

let bed: TestBed;
let browser: ConsoleBrowser;
beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: '@example.com', CONSOLE_VIEWERS: BOB.email });
});
beforeEach(() => {
  browser = new ConsoleBrowser(bed.url);
});
afterAll(() => bed.stop());

async function auditOf(action: string): Promise<Record<string, unknown>[]> {
  await bed.app.get(AuditLog).flush();
  return bed.sql(
    'SELECT action, outcome, actor, details FROM audit_trail WHERE action = $1 ORDER BY sequence',
    [action],
  );
}

async function isSignedIn(person = browser): Promise<boolean> {
  return (await person.get('/console')).status === 200;
}

describe('a sign-in', () => {
  test('leads from a page of the console to the issuer and back to that page', async () => {
    const asked = await browser.get('/console?period=day');
    expect(asked.status).toBe(303);
    expect(asked.location?.pathname).toBe('/console/sign-in');
    const back = await browser.signIn(ALICE.email, '/console?period=day');
    expect(back.location?.href).toBe(`${bed.url}/console?period=day`);
    const page = await browser.get(back.location ?? '');
    expect(page.status).toBe(200);
    expect(page.text).toContain(ALICE.email);
    expect(page.text).toContain('<span class="soft">operator</span>');
  });

  test('asks with state, nonce and an S256 challenge', async () => {
    const { location } = await browser.get('/console/sign-in/start');
    const parameters = location?.searchParams;
    expect(parameters?.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(parameters?.get(name)).toMatch(/^[\w-]{43}$/);
    expect(parameters?.get('redirect_uri')).toBe(`${bed.url}/console/callback`);
  });

  test('is audited under the name of the person', async () => {
    await browser.signIn(ALICE.email);
    const actor = `console:${ALICE.email}`;
    expect((await auditOf('console.sign_in')).at(-1)).toEqual({
      action: 'console.sign_in',
      outcome: 'ok',
      actor,
      details: { role: 'operator' },
    });
  });

  test('gives pages that no cache keeps, with a policy without scripts and inline styles', async () => {
    await browser.signIn(ALICE.email);
    const { headers } = await browser.get('/console');
    expect(headers.get('cache-control')).toBe('no-store');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'none'");
    expect(policy).toContain("form-action 'self'");
    expect(policy).not.toContain('unsafe');
  });

  test('seals what the browser keeps, and lets no script read it', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    const response = await fetch(back, {
      redirect: 'manual',
      headers: { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    const set = response.headers.getSetCookie().find((each) => each.startsWith('console='));
    expect(set).toMatch(/; HttpOnly/);
    expect(set).toMatch(/; SameSite=Lax/);
    expect(set).not.toContain('alice');
  });

  test.each([
    '//elsewhere.example',
    'https://elsewhere.example/console',
    '/console/sign-in/start',
    '/tokens/a',
  ])('goes on at the overview where it was asked to go on at %s', async (to) => {
    const path = `/console/sign-in?${new URLSearchParams({ to }).toString()}`;
    expect((await browser.signIn(ALICE.email, path)).location?.href).toBe(`${bed.url}/console`);
  });

  test('is refused for an answer with another state', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    back.searchParams.set('state', 'x'.repeat(43));
    const { status, text } = await browser.get(back);
    expect(status).toBe(400);
    expect(text).toContain('That sign-in did not work');
    expect(browser.cookies.has('console')).toBe(false);
  });

  test('is finished by the tab that began last, whatever comes back to another one before', async () => {
    const older = await browser.throughIssuer(ALICE.email);
    const newer = await browser.throughIssuer(ALICE.email);
    const twice = new URL(newer);
    twice.searchParams.append('state', 'x');
    for (const back of [older, twice]) expect((await browser.get(back)).status).toBe(400);
    expect(browser.cookies.has('console')).toBe(false);
    expect((await browser.get(newer)).status).toBe(303);
    expect(browser.cookies.has('console-sign-in')).toBe(false);
    expect(await isSignedIn()).toBe(true);
  });

  test('is refused in a browser that did not begin it', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    const other = new ConsoleBrowser(bed.url);
    expect((await other.get(back)).status).toBe(400);
    expect(other.cookies.size).toBe(0);
  });

  test('is refused for an answer that was used before', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    const cookies = [...browser.cookies];
    expect((await browser.get(back)).status).toBe(303);
    const again = new ConsoleBrowser(bed.url);
    for (const [name, value] of cookies) again.cookies.set(name, value);
    expect((await again.get(back)).status).toBe(400);
    expect(again.cookies.has('console')).toBe(false);
  });

  test('is not used up, nor audited, by a HEAD that comes before it', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    const before = await auditOf('console.sign_in');
    const { status, headers } = await browser.head(back);
    expect(status).toBe(200);
    expect(headers.getSetCookie()).toEqual([]);
    expect(await auditOf('console.sign_in')).toEqual(before);
    expect((await browser.get(back)).status).toBe(303);
    expect(await isSignedIn()).toBe(true);
  });

  test.each(['without iss, as from Google', 'with iss'])(
    'ends with what the person chose where that is no, %s',
    async (how) => {
      const back = await browser.throughIssuer(ALICE.email);
      back.searchParams.delete('code');
      back.searchParams.set('error', 'access_denied');
      if (how !== 'with iss') back.searchParams.delete('iss');
      const { status, text } = await browser.get(back);
      expect([status, text]).toEqual([
        403,
        expect.stringContaining('You did not allow the console to see who you are.'),
      ]);
      expect(await isSignedIn()).toBe(false);
    },
  );

  test('is refused for an answer of another issuer (RFC 9207)', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    back.searchParams.set('iss', 'https://elsewhere.example');
    expect((await browser.get(back)).status).toBe(400);
  });

  test('is refused for an answer that comes after ten minutes', async () => {
    const back = await browser.throughIssuer(ALICE.email);
    bed.clock.advance(601);
    expect((await browser.get(back)).status).toBe(400);
  });

  test('is refused, and audited, for someone on no list', async () => {
    await bed.restart({ CONSOLE_OPERATORS: '@elsewhere.example', CONSOLE_VIEWERS: BOB.email });
    const { status, text } = await browser.signIn(ALICE.email);
    expect(status).toBe(403);
    expect(text).toContain('No access to the console');
    expect(await isSignedIn()).toBe(false);
    const refused = {
      outcome: 'not_allowed',
      actor: `console:${ALICE.email}`,
      details: { reason: 'not_listed' },
    };
    expect((await auditOf('console.sign_in')).at(-1)).toEqual({ action: 'console.sign_in', ...refused });
    await bed.restart();
  });

  exhaustive.test('says so where the issuer does not answer', async () => {
    await bed.restart({
      CONSOLE_ISSUER: 'http://localhost:1',
      CONSOLE_CLIENT_ID: 'x',
      CONSOLE_CLIENT_SECRET: 'y',
    });
    const { status, text } = await browser.get('/console/sign-in/start');
    expect(status).toBe(503);
    expect(text).toContain('The sign-in service does not answer');
    await bed.restart();
  });
});

describe('a session', () => {
  test('ends after 8 hours, whatever the browser keeps', async () => {
    await browser.signIn(ALICE.email);
    const kept = [...browser.cookies];
    bed.clock.advance(8 * HOURS - 60);
    expect(await isSignedIn()).toBe(true);
    bed.clock.advance(61);
    for (const [name, value] of kept) browser.cookies.set(name, value);
    expect(await isSignedIn()).toBe(false);
  });

  test('ends with the sign-out on every replica, for copies of its cookie, too', async () => {
    await bed.reset();
    await browser.signIn(ALICE.email);
    const copy = new ConsoleBrowser(bed.url);
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    const left = await browser.submit(await browser.get('/console'), SIGN_OUT);
    expect(left.location?.pathname).toBe('/console/sign-in');
    expect((await browser.get(left.location ?? '')).text).toContain('You are signed out.');
    expect(await isSignedIn(copy)).toBe(false);
    expect(await auditOf('console.sign_out')).toMatchObject([
      { outcome: 'ok', actor: `console:${ALICE.email}` },
    ]);
  });

  test('ends by the command line, of one person or of all', async () => {
    await bed.sql('DELETE FROM console_sessions');
    const other = new ConsoleBrowser(bed.url);
    await browser.signIn(ALICE.email);
    await other.signIn(BOB.email);
    const one = await tokenBroker(['console', 'sign-out', '--person', BOB.email], bed.settings);
    expect(one).toEqual({ code: 0, stdout: '1 session of the console has ended.\n', stderr: '' });
    expect([await isSignedIn(), await isSignedIn(other)]).toEqual([true, false]);
    const all = await tokenBroker(['console', 'sign-out', '--all', '--json'], bed.settings);
    expect(JSON.parse(all.stdout)).toEqual({ ended: 1 });
    expect(await isSignedIn()).toBe(false);
    expect((await tokenBroker(['console', 'sign-out'], bed.settings)).code).toBe(2);
  });

  test('ends for someone who is taken off the lists', async () => {
    await browser.signIn(BOB.email);
    await bed.restart({ CONSOLE_VIEWERS: ALICE.email });
    expect(await isSignedIn()).toBe(false);
    await bed.restart();
    expect(await isSignedIn()).toBe(true);
  });

  test('is not begun by a cookie that the broker did not seal as one', async () => {
    await browser.signIn(ALICE.email);
    const sealed = browser.cookies.get('console') ?? '';
    browser.cookies.set('console', `${sealed.slice(0, -2)}AA`);
    expect(await isSignedIn()).toBe(false);
    await browser.get('/console/sign-in/start');
    browser.cookies.set('console', browser.cookies.get('console-sign-in') ?? '');
    expect(await isSignedIn()).toBe(false);
  });
});

describe('a form of the console', () => {
  test.each([
    ['of another site', { origin: 'https://elsewhere.example' }, {}],
    ['without an origin', {}, {}],
    ['of an opaque origin', { origin: 'null' }, {}],
    ['without its token', { origin: 'own' }, { form_token: '' }],
    ['with the token of another session', { origin: 'own' }, { form_token: 'x'.repeat(43) }],
  ])('%s is refused, and the session stays', async (_, headers: Record<string, string>, changes) => {
    await browser.signIn(ALICE.email);
    const page = await browser.get('/console');
    const sent = headers['origin'] === 'own' ? { origin: bed.url } : headers;
    const { status } = await browser.submit(page, SIGN_OUT, changes, sent);
    expect(status).toBe(400);
    expect(await isSignedIn()).toBe(true);
  });

  test('lets a viewer sign out', async () => {
    await browser.signIn(BOB.email);
    const page = await browser.get('/console');
    expect(page.text).toContain('<span class="soft">viewer</span>');
    expect((await browser.submit(page, SIGN_OUT)).status).toBe(303);
    expect(await isSignedIn()).toBe(false);
  });
});

describe('without its settings', () => {
  test('there is no console', async () => {
    await bed.restart({ CONSOLE_OPERATORS: '', CONSOLE_VIEWERS: '' });
    for (const path of ['/console', '/console/sign-in', '/console/callback', '/console/style.css'])
      expect((await browser.get(path)).status).toBe(404);
    await bed.restart();
  });
});
