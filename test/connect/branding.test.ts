import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BrandingRegistry } from '../../src/services/branding-registry.js';
import { asJson, tokenBroker } from '../cli/token-broker.js';
import { Api, Browser } from '../support/api.js';
import { pngOf } from '../support/png.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';

const LOGO = pngOf(8, [11, 122, 75]);
const ANYTHING = ['--client', '*', '--scope', '*', '--user', '*'];

let bed: TestBed;
let folder: string;
let service: Api;
beforeAll(async () => {
  bed = await startTestBed();
  folder = mkdtempSync(join(tmpdir(), 'branding-'));
  writeFileSync(join(folder, 'logo.png'), LOGO);
  const args = ['service', 'create', 'reports', ...ANYTHING, '--display-name', 'Laporan Acme'];
  const branding = [
    '--colour',
    '#0B7A4B',
    '--privacy',
    'https://acme.example/privacy',
    '--logo',
    join(folder, 'logo.png'),
  ];
  const { output } = await asJson([...args, ...branding], bed.settings);
  service = new Api(bed.url, String(output?.['key']));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await bed.stop();
});

async function pageOf(
  url: string,
  headers: Record<string, string> = {},
): Promise<Response & { html: string }> {
  const response = await fetch(url, { headers: { accept: 'text/html', ...headers }, redirect: 'manual' });
  return Object.assign(response, { html: await response.text() });
}

function ticketFor(ticket: Record<string, unknown> = {}, by = service): Promise<string> {
  return by.connectUrl({ user_id: 'alice', scope: YOUTUBE, ...ticket });
}

function policyOf(response: Response): string {
  return response.headers.get('content-security-policy') ?? '';
}

describe("an app's branding", () => {
  test('is shown on its pages by name, logo, colour and links', async () => {
    const { html } = await pageOf(await ticketFor());
    expect(html).toContain('>Laporan Acme</bdi>');
    expect(html).not.toContain('>reports<');
    expect(html).toContain(`src="/logos/${hash('sha256', LOGO)}"`);
    expect(html).toContain('href="/style.css?colour=0b7a4b"');
    expect(html).toContain('href="https://acme.example/privacy"');
  });

  test('has a logo that is served by its content, for good, and as an image only', async () => {
    const logo = await fetch(`${bed.url}/logos/${hash('sha256', LOGO)}`);
    expect(logo.status).toBe(200);
    expect(logo.headers.get('content-type')).toBe('image/png');
    expect(logo.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(logo.headers.get('x-content-type-options')).toBe('nosniff');
    expect(policyOf(logo)).toBe("default-src 'none';sandbox");
    expect(Buffer.from(await logo.arrayBuffer())).toEqual(Buffer.from(LOGO));
    for (const other of ['0'.repeat(64), 'x', '..%2fstyle.css']) {
      expect((await fetch(`${bed.url}/logos/${other}`)).status).toBe(404);
    }
  });

  test('has a colour with which the stylesheet is served, and nothing but a colour', async () => {
    const style = async (query: string) => (await fetch(`${bed.url}/style.css${query}`)).text();
    const plain = await style('');
    expect(await style('?colour=0b7a4b')).toContain('--button: #0b7a4b; --on-button: #ffffff');
    for (const colour of ['red', '0b7a4', '%7d*%7bcolor:red%7d', '0b7a4b&colour=0b7a4b']) {
      expect(await style(`?colour=${colour}`)).toBe(plain);
    }
  });

  test('may have a logo of its own server, and the policy of the page allows this image and no other', async () => {
    const { key } = await otherService({ logo: "https://cdn.acme.example/a;b/$'logo,1.png?v=2" });
    const page = await pageOf(await ticketFor({}, new Api(bed.url, key)));
    expect(page.html).toContain(`src="https://cdn.acme.example/a;b/$'logo,1.png?v=2"`);
    expect(policyOf(page)).toContain("img-src 'self' data: https://cdn.acme.example/a%3Bb/$'logo%2C1.png;");
    expect(policyOf(page).match(/https:/g)).toHaveLength(1);
    expect(policyOf(await pageOf(`${bed.url}/connect?ticket=x`))).not.toContain('https:');
  });

  test('is not shown where its row was changed in the database, and raises an alarm', async () => {
    const { id, key } = await otherService({ displayName: 'Acme', colour: '#123456' });
    await bed.sql(`UPDATE service_faces SET display_name = 'Google' WHERE service_id = $1`, [id]);
    const { html } = await pageOf(await ticketFor({}, new Api(bed.url, key)));
    expect(html).not.toContain('Google</bdi>');
    expect(html).not.toContain('colour=123456');
    expect(bed.log()).toContain('"kind":"branding"');
    await bed.sql(
      `UPDATE service_faces SET (display_name, mac) = (SELECT display_name, mac FROM service_faces WHERE logo IS NOT NULL LIMIT 1) WHERE service_id = $1`,
      [id],
    );
    expect((await pageOf(await ticketFor({}, new Api(bed.url, key)))).html).not.toContain('Laporan Acme');
  });

  test('can be changed in part and taken away by the command line', async () => {
    const changed = await asJson(
      ['service', 'update', 'reports', '--support', 'https://acme.example/help'],
      bed.settings,
    );
    expect(changed.output).toMatchObject({
      name: 'reports',
      branding: {
        display_name: 'Laporan Acme',
        logo: `/logos/${hash('sha256', LOGO)}`,
        colour: '#0b7a4b',
        privacy_url: 'https://acme.example/privacy',
        support_url: 'https://acme.example/help',
      },
    });
    expect((await fetch(`${bed.url}/logos/${hash('sha256', LOGO)}`)).status).toBe(200);
    expect((await pageOf(await ticketFor())).html).toContain('href="https://acme.example/help"');
    const without = await tokenBroker(['service', 'update', 'reports', '--support', ''], bed.settings);
    expect(without).toMatchObject({ code: 0, stdout: expect.stringContaining('support_url   -') });
    expect(
      (await bed.sql(`SELECT details FROM audit_trail WHERE action = 'service.update'`)).length,
    ).toBeGreaterThan(1);
  });

  test.each([
    [['--colour', 'red', '--display-name', 'a'.repeat(61)], 'display-name: must be 1 to 60 characters'],
    [
      ['--privacy', 'http://acme.example', '--support', 'mailto:help@acme.example'],
      'privacy: must be an https URL of at most 500 characters. support: must be',
    ],
    [['--logo', resolve('package.json')], 'logo: must be an https URL, or a PNG'],
    [['--logo', resolve('package-lock.json')], 'bytes'],
    [[], 'nothing to change'],
  ])('is refused by the command line with %j', async (args, words) => {
    const { code, stderr } = await tokenBroker(['service', 'update', 'reports', ...args], bed.settings);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });

  async function otherService(
    branding: Parameters<BrandingRegistry['update']>[1],
  ): Promise<{ id: string; key: string }> {
    const { key } = await bed.service();
    const id = key.split('_')[1] ?? '';
    await bed.app.get(BrandingRegistry).update(id, branding);
    return { id, key };
  }
});

describe('a ticket', () => {
  test('shows the label of the user in place of the id', async () => {
    const { html } = await pageOf(await ticketFor({ user_id: 'auth0|5f7c', user_label: 'Ålice ‏מרים' }));
    expect(html).toContain('<bdi dir="auto" translate="no">Ålice ‏מרים</bdi>');
    expect(html).not.toContain('auth0|5f7c');
  });

  test.each([
    [{ user_label: '' }, 'user_label'],
    [{ user_label: 'a\u0000' }, 'user_label'],
    [{ user_label: 'a'.repeat(101) }, 'user_label'],
    [{ locale: 'french please' }, 'locale'],
    [{ locale: '' }, 'locale'],
    [{ reasons: {} }, 'reasons'],
    [{ reasons: [] }, 'reasons'],
    [{ reasons: 'To know.' }, 'reasons'],
    [{ reasons: { [YOUTUBE]: '' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: ' To know.' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: 'a'.repeat(201) } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: 'two\nlines' } }, `reasons.${YOUTUBE}`],
    [{ reasons: { [YOUTUBE]: 'from the \u202eback' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: '\u3164' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: 'To\u00adknow.' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: '…' } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: 1 } }, 'reasons'],
    [{ reasons: { [YOUTUBE]: { text: 'To know.' } } }, 'reasons'],
    [{ reasons: { 'any thing': 'To know.' } }, 'reasons'],
    [{ reasons: { [YOUTUBE_MONEY]: 'To know.' } }, 'reasons'],
  ])('with %j is refused', async (members, field) => {
    const response = await service.post('/connect/tickets', { user_id: 'alice', scope: YOUTUBE, ...members });
    expect(response).toMatchObject({ status: 400, body: { errors: { [field]: expect.any(String) } } });
  });

  test('is written in its own language, else in the one that the browser accepts, and Google is asked for the same', async () => {
    const url = await ticketFor({ locale: 'fr-CA' });
    expect((await pageOf(url, { 'accept-language': 'de' })).html).toContain('<html lang="fr"');
    expect((await new Browser().begin(url)).searchParams.get('hl')).toBe('fr-CA');
    const plain = await ticketFor();
    expect((await pageOf(plain, { 'accept-language': 'ja, id;q=0.9, en;q=0.8' })).html).toContain(
      '<html lang="id"',
    );
    expect((await pageOf(plain)).html).toContain('<html lang="en"');
    // No language of the pages: the browser and the account decide at Google.
    expect((await new Browser().begin(plain)).searchParams.has('hl')).toBe(false);
  });

  test('is that of the browser on each page of Google that one connect leads to', async () => {
    await service.connect({ user_id: 'two-pages', scope: YOUTUBE }, { account: ALICE.email });
    const url = await ticketFor({ user_id: 'two-pages', scope: YOUTUBE_MONEY });
    const ticket = new URL(url).searchParams.get('ticket') ?? '';
    const [, cookie = ''] = /^([^;]+)/.exec((await pageOf(url)).headers.get('set-cookie') ?? '') ?? [];
    const inFrench = { accept: 'text/html', cookie, 'accept-language': 'fr-CA,fr;q=0.9' };
    const next = async (from: string | URL, body?: URLSearchParams) => {
      const init = body && { method: 'POST', body };
      const response = await fetch(from, { redirect: 'manual', headers: inFrench, ...init });
      const consent = new URL(response.headers.get('location') ?? '');
      return { consent, hl: consent.searchParams.get('hl'), prompt: consent.searchParams.get('prompt') };
    };
    const press = () => next(new URL('/connect', url), new URLSearchParams({ ticket }));
    const signIn = await press();
    expect(signIn).toMatchObject({ hl: 'fr', prompt: 'select_account' });
    const consent = await next(await visitConsent(signIn.consent, { account: ALICE.email }));
    expect(consent).toMatchObject({ hl: 'fr', prompt: 'consent' });
    // Too late: the browser is sent to Google again.
    const late = await visitConsent((await press()).consent, { account: ALICE.email });
    bed.clock.advance(601);
    expect(await next(late)).toMatchObject({ hl: 'fr', prompt: 'select_account' });
  });

  test('keeps its language on the page of the result, and of a refusal', async () => {
    const url = await ticketFor({ locale: 'de', user_id: 'greta' });
    const browser = new Browser();
    expect((await browser.connect(url, { account: ALICE.email })).text).toContain('<h1>Verbunden</h1>');
    const used = await pageOf(url);
    expect(used.status).toBe(400);
    expect(used.html).toContain('<html lang="de"');
    expect(used.html).toContain('Laporan Acme');
  });

  test('that requires an account names that one and the chosen one where they differ', async () => {
    const url = await ticketFor({ user_id: 'wanda', require_account: { email: ALICE.email } });
    const { text } = await new Browser().connect(url, { account: BOB.email });
    expect(text).toContain('Another Google account is needed');
    expect(text).toContain(ALICE.email);
    expect(text).toContain(BOB.email);
  });

  test('that requires an account by its sub names the address of the hint, and else claims nothing of before', async () => {
    const ticket = { user_id: 'new', require_account: { sub: BOB.sub } };
    const [hinted, plain] = [{ ...ticket, account_hint: BOB.email }, ticket];
    const account = (html: string) => /<dt>Google account<\/dt><dd>(.*?)<\/dd>/.exec(html)?.[1];
    expect(account((await pageOf(await ticketFor(hinted))).html)).toContain(
      `${BOB.email}</bdi>, and no other`,
    );
    expect(account((await pageOf(await ticketFor(plain))).html)).toBe(
      'the one that the app asks for, and no other',
    );
    for (const [asked, words] of [
      [hinted, `>${BOB.email}<`],
      [plain, 'the account that it asked for'],
    ] as const) {
      const { text } = await new Browser().connect(await ticketFor(asked), { account: ALICE.email });
      expect(text).toContain('Another Google account is needed');
      expect(text).toContain(words);
    }
  });

  test('needs no elision in French before the name that is put in', async () => {
    const app = await bed.service();
    await bed.app.get(BrandingRegistry).update(app.key.split('_')[1] ?? '', {
      displayName: 'Atlas',
      supportUrl: 'https://atlas.example/aide',
    });
    const ticket = { user_id: 'amelie', locale: 'fr', require_account: { hd: 'example.org' } };
    const link = await ticketFor(ticket, app);
    const browser = new Browser();
    const consent = await browser.begin(link);
    consent.searchParams.delete('hd');
    const wrong = await browser.open(await visitConsent(consent, { account: ALICE.email }));
    expect(wrong.text).toContain(' demande un autre compte\u00a0: un compte du domaine ');
    const scope = `${YOUTUBE} ${YOUTUBE_MONEY}`;
    const partial = await new Browser().connect(
      await ticketFor({ user_id: 'amelie', locale: 'fr', scope }, app),
      {
        account: ALICE.email,
        untick: [YOUTUBE_MONEY],
      },
    );
    for (const { text } of [await browser.open(link), wrong, partial])
      expect(text).not.toMatch(/\b(de|que) <bdi/);
  });

  test('leads back to its app from the page of a refusal', async () => {
    const url = await ticketFor({ user_id: 'back', return_to: `${APP}/settings?tab=1` });
    bed.clock.advance(31 * 60);
    const { html } = await pageOf(url);
    const back = `href="${APP}/settings?tab=1&amp;connect=failed&amp;connect_error=expired"`;
    expect(html).toContain(back);
  });

  test('names what is missing in words, and what the app may not be able to do', async () => {
    const scope = `${YOUTUBE} ${YOUTUBE_MONEY}`;
    const url = await ticketFor({ user_id: 'half', scope, locale: 'id' });
    const { text } = await new Browser().connect(url, { account: ALICE.email, untick: [YOUTUBE_MONEY] });
    expect(text).toContain('Melihat laporan YouTube Analytics Anda, termasuk pendapatan');
    expect(text).toContain('memerlukan izin ini');
  });
});

describe('the reasons of a ticket', () => {
  const MONEY_REASON = '<b>売上</b> & "Umsatz" 😀';
  const ESCAPED = /<blockquote dir="auto">&lt;b>売上&lt;\/b> &amp; &quot;Umsatz&quot; 😀<\/blockquote>/;
  const ticket = {
    scope: `${YOUTUBE} ${YOUTUBE_MONEY} email`,
    reasons: { [YOUTUBE_MONEY]: MONEY_REASON, email: 'ے'.repeat(200) },
  };

  test('stand beside their scopes before Google, as words of the app and nothing else', async () => {
    const { html } = await pageOf(await ticketFor({ user_id: 'reasons', ...ticket }));
    expect(html).toMatch(ESCAPED);
    expect(html).toContain(`<blockquote dir="auto">${'ے'.repeat(200)}</blockquote>`);
    const named =
      '<figcaption><bdi dir="auto" translate="no">Laporan Acme</bdi> says:</figcaption><blockquote ';
    expect(html.split(named)).toHaveLength(3);
    expect((await pageOf(await ticketFor({ user_id: 'reasons' }))).html).not.toContain('<figure');
  });

  test.each([
    ['en', ' says:'],
    ['de', ' schreibt:'],
    ['fr', '\u00a0indique\u00a0:'],
    ['id', ' menyatakan:'],
  ])('that close a quotation stay within the block of the app, in the language %s', async (locale, says) => {
    const text = 'Needed.” Google verified this app. “ok';
    const of = { user_id: 'reasons', locale, reasons: { [YOUTUBE]: text } };
    const { html } = await pageOf(await ticketFor(of));
    const caption = `<figcaption><bdi dir="auto" translate="no">Laporan Acme</bdi>${says}</figcaption>`;
    expect(html).toContain(`${caption}<blockquote dir="auto">${text}</blockquote></figure>`);
  });

  test('stand beside what is missing afterwards, and go with the link to try again', async () => {
    const url = await ticketFor({ user_id: 'reasoning', ...ticket });
    const { text } = await new Browser().connect(url, { account: ALICE.email, untick: [YOUTUBE_MONEY] });
    expect(text).toContain('Connected in part');
    expect(text).toMatch(ESCAPED);
    const again = /<a class="button" href="([^"]+)"/.exec(text)?.[1] ?? '';
    expect((await pageOf(again)).html).toMatch(ESCAPED);
  });

  test('that are too long for a link to try again are left out of it', async () => {
    const scopes = Array.from({ length: 20 }, (_, at) => `${YOUTUBE}.a${at}`);
    const reasons = Object.fromEntries(scopes.map((scope) => [scope, '長'.repeat(200)]));
    const url = await ticketFor({ user_id: 'long', scope: scopes.join(' '), reasons });
    const browser = new Browser();
    expect((await browser.open(url)).text.match(/<blockquote /g)).toHaveLength(20);
    const denied = await browser.connect(url, { account: ALICE.email, deny: true });
    const again = /<a class="button" href="([^"]+)"/.exec(denied.text)?.[1] ?? '';
    const { status, html } = await pageOf(again);
    expect(status).toBe(200);
    expect(html).not.toContain('<blockquote ');
  });

  test('are refused for a scope that is not asked for, by its name', async () => {
    const body = { user_id: 'alice', scope: YOUTUBE, reasons: { [YOUTUBE_MONEY]: 'To know.' } };
    expect((await service.post('/connect/tickets', body)).body['errors']).toEqual({
      reasons: `names ${YOUTUBE_MONEY}, which is not in scope.`,
    });
  });
});

test('a finished connect without a way back shows no button for help, which a failed one offers as its second', async () => {
  const { key } = await bed.service();
  const branding = { displayName: 'Helpful', supportUrl: 'https://acme.example/help' };
  await bed.app.get(BrandingRegistry).update(key.split('_')[1] ?? '', branding);
  const api = new Api(bed.url, key);
  const done = await new Browser().connect(await ticketFor({ user_id: 'done' }, api), {
    account: ALICE.email,
  });
  expect(done.text).toContain('Connected');
  expect(done.text).not.toContain('Get help');
  expect(done.text).toContain('<a href="https://acme.example/help">Help</a>');
  const url = await ticketFor({ user_id: 'denied' }, api);
  const denied = await new Browser().connect(url, { account: ALICE.email, deny: true });
  expect(denied.text).toContain('<a class="button second" href="https://acme.example/help">');
});

describe('a browser inside an app', () => {
  const WEBVIEW =
    'Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Version/4.0 Chrome/123.0.0.0 Mobile Safari/537.36';

  test('is asked to use another one, and may continue; the ticket stays unused', async () => {
    const url = await ticketFor({ user_id: 'embedded' });
    const page = await pageOf(url, { 'user-agent': WEBVIEW });
    expect(page).toMatchObject({
      status: 200,
      html: expect.stringContaining('Open this link in your browser'),
    });
    expect(page.html).not.toContain('<form');
    // Translated, the link that is to be copied would be another one.
    expect(page.html).toContain(`<p class="copy" dir="ltr" translate="no">${url}</p>`);
    const on = /href="([^"]+here=1)"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    expect((await pageOf(on, { 'user-agent': WEBVIEW })).html).toContain(
      '<form method="post" action="/connect"',
    );
    expect((await new Browser().connect(url, { account: ALICE.email })).text).toContain('Connected');
  });

  test('is asked in its language, also where its ticket is no good', async () => {
    const page = await pageOf(`${bed.url}/connect?ticket=x`, {
      'user-agent': WEBVIEW,
      'accept-language': 'de-AT',
    });
    expect(page).toMatchObject({
      status: 400,
      html: expect.stringContaining('Dieser Link funktioniert nicht'),
    });
  });
});
