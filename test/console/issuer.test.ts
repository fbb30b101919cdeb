/** A console whose people sign in with an issuer of their own; and what every id_token must say. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { tokenBroker } from '../cli/token-broker.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { ConsoleBrowser } from './console-browser.js';
import { startTestIssuer, type TestIssuer } from './test-issuer.js';

const CLIENT = 'console';
const VERIFIED = { email: 'carol@corp.example', email_verified: true };

let bed: TestBed;
let issuer: TestIssuer;
let browser: ConsoleBrowser;
beforeAll(async () => {
  issuer = await startTestIssuer(CLIENT, () => bed.clock.now());
  bed = await startTestBed({
    CONSOLE_ISSUER: issuer.url,
    CONSOLE_CLIENT_ID: CLIENT,
    CONSOLE_CLIENT_SECRET: 'the-secret',
    CONSOLE_OPERATORS: 'Carol@corp.example',
    CONSOLE_VIEWERS: '@corp.example',
  });
});
beforeEach(() => {
  browser = new ConsoleBrowser(bed.url);
  issuer.claims = VERIFIED;
  issuer.forges = false;
});
afterAll(async () => {
  await bed.stop();
  await issuer.close();
});

/** @returns what the callback answers */
async function signIn() {
  const started = await browser.get('/console/sign-in/start');
  const sent = await fetch(started.location ?? '', { redirect: 'manual' });
  return browser.get(sent.headers.get('location') ?? '');
}

describe('another issuer', () => {
  test('is named on the page, and lets in whom it names', async () => {
    const page = await browser.get('/console/sign-in');
    expect(page.text).toContain(`Continue with ${new URL(issuer.url).host}`);
    expect((await signIn()).location?.pathname).toBe('/console');
    expect((await browser.get('/console')).text).toContain('carol@corp.example');
  });

  test('gets the code once, with the verifier and the secret', async () => {
    issuer.exchanges.length = 0;
    await signIn();
    expect(issuer.exchanges).toHaveLength(1);
    expect(issuer.exchanges[0]?.get('code_verifier')).toMatch(/^[\w-]{43}$/);
    expect(issuer.exchanges[0]?.get('redirect_uri')).toBe(`${bed.url}/console/callback`);
  });

  test.each([
    ['carol@corp.example', 'operator'],
    ['CAROL@Corp.Example', 'operator'],
    ['dave@corp.example', 'viewer'],
  ])('gives %s the role %s', async (email, role) => {
    issuer.claims = { ...VERIFIED, email };
    await signIn();
    expect((await browser.get('/console')).text).toContain(`<span class="soft">${role}</span>`);
  });
});

test('a session ends by the command line however the issuer and the operator write the address', async () => {
  await bed.sql('DELETE FROM console_sessions');
  issuer.claims = { ...VERIFIED, email: 'CAROL@Corp.Example' };
  await signIn();
  const { stdout } = await tokenBroker(
    ['console', 'sign-out', '--person', 'Carol@corp.example'],
    bed.settings,
  );
  expect(stdout).toBe('1 session of the console has ended.\n');
  expect((await browser.get('/console')).location?.pathname).toBe('/console/sign-in');
});

describe('a sign-in is refused with 400', () => {
  test.each([
    ['another nonce', { nonce: 'another' }],
    ['no nonce', { nonce: undefined }],
    ['another audience', { aud: 'elsewhere' }],
    ['an audience of several without azp', { aud: [CLIENT, 'elsewhere'] }],
    ['another issuer', { iss: 'https://elsewhere.example' }],
    ['an end that is over', { exp: 1_000_000_000 }],
    ['no subject', { sub: undefined }],
  ])('for an id_token with %s', async (_, claims) => {
    issuer.claims = { ...VERIFIED, ...claims };
    const { status, text } = await signIn();
    expect(status).toBe(400);
    expect(text).toContain('That sign-in did not work');
    expect(browser.cookies.has('console')).toBe(false);
  });

  test('for an id_token that another key signed', async () => {
    issuer.forges = true;
    expect((await signIn()).status).toBe(400);
    expect(browser.cookies.has('console')).toBe(false);
  });
});

describe('a sign-in is refused with 403', () => {
  test.each([
    ['is not verified', { email_verified: false }, 'Your address is not verified'],
    ['says nothing of being verified', { email_verified: undefined }, 'Your address is not verified'],
    ['is verified by a text', { email_verified: 'true' }, 'Your address is not verified'],
    ['is missing', { email: undefined }, 'Your account has no address'],
    ['is on no list', { email: 'eve@elsewhere.example' }, 'No access to the console'],
    [
      'has the domain in its name only',
      { email: '@corp.example@elsewhere.example' },
      'No access to the console',
    ],
    [
      'has a hosted domain that only Google can say',
      { email: 'eve@x.example', hd: 'corp.example' },
      'No access',
    ],
  ])('for an address that %s', async (_, claims, title) => {
    issuer.claims = { ...VERIFIED, ...claims };
    const { status, text } = await signIn();
    expect(status).toBe(403);
    expect(text).toContain(title);
    expect(browser.cookies.has('console')).toBe(false);
  });
});

describe('a port of its own', () => {
  test('has the console, the metrics and the docs, and the main port has everything else', async () => {
    const port = await freePort();
    const admin = `http://127.0.0.1:${port}`;
    await bed.restart({ ADMIN_PORT: String(port), ADMIN_URL: admin });
    const statusOf = async (url: string) => (await fetch(url, { redirect: 'manual' })).status;
    for (const path of ['/console', '/console/style.css', '/metrics', '/docs']) {
      expect({ path, status: await statusOf(bed.url + path) }).toEqual({ path, status: 404 });
      expect({ path, isThere: (await statusOf(admin + path)) < 400 }).toEqual({ path, isThere: true });
    }
    for (const path of ['/tokens/alice', '/connect', '/callback', '/audit', '/nowhere'])
      expect({ path, status: await statusOf(admin + path) }).toEqual({ path, status: 404 });
    expect(await statusOf(`${bed.url}/tokens/alice`)).toBe(401);
    for (const origin of [bed.url, admin])
      for (const path of ['/health/live', '/health/ready', '/openapi.json'])
        expect({ path, status: await statusOf(origin + path) }).toEqual({ path, status: 200 });

    browser = new ConsoleBrowser(admin);
    expect((await signIn()).location?.href).toBe(`${admin}/console`);
    const page = await browser.get('/console');
    expect(page.status).toBe(200);
    expect((await browser.submit(page, '/console/sign-out')).status).toBe(303);
    await bed.restart();
    expect(await statusOf(`${bed.url}/metrics`)).toBe(200);
  });
});
