import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { guideHierarchy, noAds } from '../../sandbox/google/ads/hierarchy.js';
import { startSampleApp } from '../../sandbox/sample-app/sample-app.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { Browser } from '../support/api.js';
import {
  accessibilityFaults,
  describeInChromium,
  fitsWidth,
  launchChromium,
  PHONE,
  screenshot,
} from '../support/chromium.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

/** Of the broker's lists. */
const PAGE = 100;

describe('the sample app', () => {
  let bed: TestBed;
  let url: string;
  let app: { close(): Promise<void> };

  beforeAll(async () => {
    const port = await freePort();
    url = `http://localhost:${port}`;
    bed = await startTestBed({ RETURN_TO_ORIGINS: url });
    app = await startSampleApp({
      port,
      url,
      brokerUrl: bed.url,
      serviceKey: bed.api.key,
      standInUrl: bed.google.url,
    });
  });
  afterAll(async () => {
    await app.close();
    await bed.stop();
  });

  const open = async (path: string) => {
    const response = await fetch(new URL(path, url), { redirect: 'manual' });
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      text: await response.text(),
    };
  };
  const submit = async (
    path: string,
    fields: [string, string][],
    headers: Record<string, string> = { origin: url },
  ) => {
    const body = new URLSearchParams(fields);
    const response = await fetch(new URL(path, url), { method: 'POST', body, headers, redirect: 'manual' });
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      text: await response.text(),
    };
  };
  /** Goes through the authorization flow. @returns the page that the user returns to */
  const connect = async (user: string, choice: { untick?: string[]; deny?: boolean } = {}) => {
    const scopes: [string, string][] = [YOUTUBE, YOUTUBE_MONEY].map((scope) => ['scope', scope]);
    const { location } = await submit('/connect', [['user', user], ...scopes]);
    const back = await new Browser().connect(location, { account: ALICE.email, ...choice });
    return open(back.headers.get('location') ?? '');
  };
  const grantOf = async (user: string) =>
    ((await bed.api.get(`/users/${user}/grants`)).body['grants'] as { id: string }[])[0]?.id ?? '';

  test('shows a user without an account, and has nothing to revoke for them', async () => {
    const { text } = await open('/?user=unknown');
    expect(text).toContain('Not connected.');
    expect(text).toMatch(/<button[^>]* disabled[^>]*>Revoke/);
  });

  exhaustive.test('names what is missing in a partial consent', async () => {
    const { text } = await connect('partial', { untick: [YOUTUBE_MONEY] });
    expect(text).toContain('Connected in part.');
    expect(text).toMatch(/Missing<.*YouTube Analytics revenue reports/s);
  });

  test('says after a denial that nothing was stored', async () => {
    expect((await connect('denying', { deny: true })).text).toContain('nothing was stored');
  });

  test('shows numbers after an API request and how long the token lasts, never the token', async () => {
    await connect('reporting');
    const { text } = await open('/report?user=reporting&kind=revenue');
    expect(text).toContain('Estimated revenue');
    expect(text).toMatch(/good for 59 minutes/);
    for (const secret of bed.google.control.secrets()) expect(text).not.toContain(secret);
  });

  exhaustive.test(
    'leads an API request of a user without a grant to Google, and back to the report',
    async () => {
      const { location } = await open('/report?user=later');
      expect(location).toContain(`${bed.url}/connect?ticket=`);
      const back = await new Browser().connect(location, { account: ALICE.email });
      expect((await open(back.headers.get('location') ?? '')).text).toContain('Minutes watched');
    },
  );

  exhaustive.test(
    'ends a denial on the way back on the home page, and does not lead to Google again',
    async () => {
      const { location } = await open('/report?user=never');
      const back = await new Browser().connect(location, { account: ALICE.email, deny: true });
      const { location: home } = await open(back.headers.get('location') ?? '');
      expect(home).toBe('/?user=never&connect=denied&connect_error=access_denied');
    },
  );

  test('deletes at the broker with clear, and ends it at Google with revoke, with the others of that account', async () => {
    await connect('clearing');
    const cleared = await submit('/clear', [
      ['user', 'clearing'],
      ['grant', await grantOf('clearing')],
    ]);
    expect((await open(cleared.location)).text).toContain('Google still remembers your consent.');
    await connect('revoking');
    await connect('sibling');
    const revoked = await submit('/revoke', [
      ['user', 'revoking'],
      ['grant', await grantOf('revoking')],
    ]);
    expect((await open(revoked.location)).text).toMatch(
      /Google ended the grant.* more ended with it at Google/,
    );
    expect((await open('/?user=sibling')).text).toContain(
      'Another grant of the same Google account was revoked.',
    );
  });

  exhaustive.test('shows the JSON of the API, formatted, beside the numbers', async () => {
    await connect('formatted');
    const { text } = await open('/report?user=formatted');
    const json = /<pre>([^<]+)<\/pre>/.exec(text)?.[1]?.replaceAll('&quot;', '"') ?? '';
    expect(JSON.parse(json)).toMatchObject({ columnHeaders: expect.any(Array), rows: expect.any(Array) });
    expect(json).toContain('\n  "columnHeaders": [');
  });

  test('shows what invalid_grant means where the user has removed the access at Google, and what to do next', async () => {
    await connect('removing');
    const home = await open('/?user=removing');
    const address = /href="([^"]*\/connections\?[^"]*)"/.exec(home.text)?.[1] ?? '';
    expect(address).toContain(`${bed.google.url}/connections?`);
    const page = await (await fetch(address)).text();
    const [, project = ''] = /name="project" value="([^"]+)"/.exec(page) ?? [];
    const [, returnTo = ''] = /name="return_to" value="([^"]+)"/.exec(page) ?? [];
    const body = new URLSearchParams({ account: ALICE.sub, project, return_to: returnTo });
    const { origin } = new URL(address);
    const removed = await (await fetch(address, { method: 'POST', headers: { origin }, body })).text();
    expect(removed).toContain('no longer has access');
    const [, wayBack] = /<a href="([^"]+)">Back to the app</.exec(removed) ?? [];
    expect(wayBack).toBe(`${url}/?user=removing`);

    const { status, text, location } = await open('/report?user=removing');
    expect([status, location]).toEqual([410, '']);
    expect(text).toContain('Google answers it with invalid_grant');
    expect(text.replaceAll('&quot;', '"')).toContain('"code": "reconnect_required"');
    const link = /href="([^"]*\/connect\?ticket=[^"]+)"/.exec(text)?.[1] ?? '';
    const back = await new Browser().connect(link, { account: ALICE.email });
    expect((await open(back.headers.get('location') ?? '')).text).toContain('Minutes watched');
  });

  test.each(
    fewOf(['https://evil.example.com/', 'javascript:alert(1)', 'http://localhost.example.com/', 'x']),
  )('is not led back to %s from the page of connections', async (address) => {
    const query = new URLSearchParams({ return_to: address });
    const page = await (await fetch(`${bed.google.url}/connections?${query}`)).text();
    expect(page).toContain('Your connections');
    expect(page).not.toMatch(/Back to the app|return_to/);
  });

  exhaustive.test('shows what invalid_grant means after it revoked the grant itself, once', async () => {
    await connect('revoked-here');
    const { location } = await submit('/revoke', [
      ['user', 'revoked-here'],
      ['grant', await grantOf('revoked-here')],
    ]);
    const { text: home } = await open(location);
    expect(home).toMatch(/name="after" value="revoke"/);
    const { status, text } = await open('/report?user=revoked-here&after=revoke&kind=views');
    expect(status).toBe(404);
    expect(text).toContain('Google answers it with invalid_grant');
    expect(text).toMatch(/<a class="button" href="[^"]*\/connect\?ticket=/);
    expect((await open('/report?user=revoked-here&kind=views')).location).toContain('/connect?ticket=');
  });

  test.each(
    fewOf([
      {
        name: 'another site',
        headers: { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' },
      },
      {
        name: 'another port of this machine',
        headers: { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' },
      },
      { name: 'a page that hides its origin', headers: { origin: 'null' } },
      { name: 'no page at all', headers: {} },
    ]),
  )('changes nothing for a form from $name', async ({ headers }) => {
    // Connected by the first of these tests; a second connect would redirect at once.
    if ((await grantOf('guarded')) === '') await connect('guarded');
    const grant = await grantOf('guarded');
    const { status, text } = await submit(
      '/clear',
      [
        ['user', 'guarded'],
        ['grant', grant],
      ],
      headers,
    );
    expect(status).toBe(403);
    expect(text).toContain('Nothing was done.');
    expect(await grantOf('guarded')).toBe(grant);
  });

  test("has the four links of Google's guide, with what each does", async () => {
    await connect('reading');
    const { text } = await open('/?user=reading');
    const labels = [...text.matchAll(/<button[^>]*>([^<]+)</g)].map(([, label]) => label);
    expect(labels).toEqual([
      'See and end what this app holds',
      'Test an API request',
      'Test the auth flow directly',
      'Revoke current credentials',
      'Clear credentials',
      'Switch',
    ]);
    for (const words of [
      'Submit an API request and see a formatted JSON response. Go through the authorization flow if there are no stored credentials for the user',
      'If there are stored credentials, you still might not be prompted to reauthorize the application.',
      'After revoking credentials, if you test an API request, you should see an <code>invalid_grant</code> error',
      'Google still remembers your consent. After clearing it, if you test an API request again, you should go back to the auth flow.',
    ]) {
      expect(text.replaceAll(/\s+/g, ' ')).toContain(words);
    }
  });

  exhaustive.test("leads to the broker's page of what it holds, and back", async () => {
    await connect('managing');
    const browser = new Browser();
    const { status, location } = await submit('/manage', [['user', 'managing']]);
    expect(status).toBe(303);
    const ticket = new URL(location).searchParams.get('ticket') ?? '';
    await browser.open(location);
    const begun = await browser.submit(new URL('/me/grants', bed.url), { ticket });
    const { text } = await browser.open(new URL(begun.headers.get('location') ?? '', bed.url));
    expect(text).toContain(ALICE.email);
    expect(text).toContain(`href="${url}/?user=managing"`);
  });

  describe('in Google Ads', () => {
    const first = '/report?user=advertiser&kind=ads';

    test('shows campaigns of an advertiser, by way of the manager that the broker found', async () => {
      bed.google.control.setAdsHierarchy(guideHierarchy({ U2: ALICE.email }));
      const { location } = await open(first);
      const back = await new Browser().connect(location, { account: ALICE.email });
      const { text } = await open(back.headers.get('location') ?? '');
      expect(text).toContain('Spring sale');
      expect(text).toMatch(/Google Ads, the last seven days of A1 \(2000000001\)/);
      const other = await open(`${first}&customer=2000000004`);
      expect(other.text).toContain('Google Ads, the last seven days of A4 (2000000004)');
      expect(other.text).toContain('login-customer-id 1000000003');
      for (const secret of bed.google.control.secrets()) expect(other.text).not.toContain(secret);
    });

    exhaustive.test(
      'shows the tree with the role and the header of each path, and what refuses',
      async () => {
        const { accounts, ...rest } = guideHierarchy({ U2: ALICE.email });
        const closed = accounts.map((each) =>
          each.id === '1000000003' ? { ...each, refuses: { authorizationError: 'INCOMPLETE_SIGNUP' } } : each,
        );
        const { location } = await submit('/connect', [
          ['user', 'tree'],
          ['scope', ADS],
        ]);
        await new Browser().connect(location, { account: ALICE.email });
        bed.google.control.setAdsHierarchy({ accounts, ...rest });
        const { text } = await open('/report?user=tree&kind=ads');
        const tree = /<ul class="tree">.*<\/ul>/s.exec(text)?.[0] ?? '';
        // M2 is a top, with A1 below it; A1 again below M3.
        expect(tree).toMatch(
          /M2 \(1000000002\).*<ul>.*A1 \(2000000001\).*M3 \(1000000003\).*A1 \(2000000001\)/s,
        );
        expect(tree).toContain('STANDARD, direct: no header needed');
        expect(tree).toContain('STANDARD, login-customer-id: 1000000002');
        expect(tree).toContain('READ_ONLY, login-customer-id: 1000000003');
        bed.google.control.setAdsHierarchy({ accounts: closed, ...rest });
        await bed.sql('TRUNCATE ads_trees');
        bed.clock.advance(10);
        const refused = await open('/report?user=tree&kind=ads');
        expect(refused.text).toMatch(/1000000003 is not complete \(INCOMPLETE_SIGNUP\)\. .*ads\.google\.com/);
      },
    );

    exhaustive.test('shows all accounts of a user who reaches more than one page of them', async () => {
      const manager = { id: '1000000009', name: 'M9', manager: true };
      const advertisers = Array.from({ length: PAGE + 1 }, (_, index) => ({
        id: String(3_000_000_000 + index),
        name: `C${index}`,
      }));
      bed.google.control.setAdsHierarchy({
        accounts: [manager, ...advertisers],
        links: advertisers.map(({ id }) => [manager.id, id]),
        users: [{ customer: manager.id, email: ALICE.email, role: 'ADMIN' }],
      });
      const { location } = await submit('/connect', [
        ['user', 'many'],
        ['scope', ADS],
      ]);
      await new Browser().connect(location, { account: ALICE.email });
      const { text } = await open('/report?user=many&kind=ads');
      expect(text).toContain(`C${PAGE} (${3_000_000_000 + PAGE})`);
    });

    exhaustive.test('says so where the account reaches none', async () => {
      bed.google.control.setAdsHierarchy(noAds());
      await new Browser().connect(
        (
          await submit('/connect', [
            ['user', 'no-ads'],
            ['scope', ADS],
          ])
        ).location,
        {
          account: ALICE.email,
        },
      );
      const { status, text } = await open('/report?user=no-ads&kind=ads');
      expect(status).toBe(200);
      expect(text).toContain('No Google Ads account');
    });
  });

  describe('of a token that Google refuses', () => {
    const refusal = { named: 'invalid_credentials' } as const;

    test('gets another from the broker, and says so', async () => {
      await connect('refused');
      bed.google.control.failNext('reports', refusal);
      const { status, text } = await open('/report?user=refused');
      expect(status).toBe(200);
      expect(text).toContain('Minutes watched');
      expect(text).toContain('Google refused the first token.');
    });

    exhaustive.test('says what to do next where Google refuses that one too', async () => {
      await connect('refused-twice');
      bed.google.control.failAlways('reports', refusal);
      const { status, text } = await open('/report?user=refused-twice');
      bed.google.control.clearFaults();
      expect(status).toBe(502);
      expect(text).toContain('Google refused the token');
      expect(text).toContain('test the auth flow directly');
      expect(text).toContain('href="/?user=refused-twice"');
    });
  });

  exhaustive.test(
    'shows a suspended grant with what happens next, and sends no one to Google for it',
    async () => {
      await connect('suspended');
      const event = {
        subject: { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub },
        to: `${bed.url}/security-events/google`,
      };
      await bed.google.control.sendSecurityEvent({ ...event, type: 'account-disabled', reason: 'hijacking' });
      const home = await open('/?user=suspended');
      expect(home.status).toBe(200);
      expect(home.text).toContain('Suspended by Google');
      expect(home.text).toContain('It works again by itself once Google has enabled the account.');
      const report = await open('/report?user=suspended');
      expect(report.status).toBe(410);
      expect(report.text).toContain('There is nothing to press here');
      expect(report.location).toBe('');
      await bed.google.control.sendSecurityEvent({ ...event, type: 'account-enabled' });
      expect((await open('/report?user=suspended')).text).toContain('Minutes watched');
    },
  );

  describeInChromium('in a browser', () => {
    exhaustive.test('can be read by everyone on a phone, whatever Google answers', async () => {
      bed.google.control.setAdsHierarchy(guideHierarchy({ U2: ALICE.email }));
      const all = [YOUTUBE, ADS].map((scope): [string, string] => ['scope', scope]);
      const { location } = await submit('/connect', [['user', 'phone'], ...all]);
      await new Browser().connect(location, { account: ALICE.email });
      const chromium = await launchChromium();
      const page = await chromium.newPage({ viewport: PHONE });
      const faults: string[] = [];
      const read = async (name: string, path: string) => {
        await page.goto(new URL(path, url).href);
        const found = await accessibilityFaults(page);
        if (!(await fitsWidth(page))) found.push('wider than the screen');
        faults.push(...found.map((fault) => `${name}: ${fault}`));
        await screenshot(page, `sample-app-${name}`);
      };
      await read('home', '/?user=phone&connect=success');
      await read('report', '/report?user=phone');
      await read('ads', '/report?user=phone&kind=ads');
      bed.google.control.failAlways('reports', { named: 'invalid_credentials' });
      await read('refused', '/report?user=phone');
      bed.google.control.clearFaults();
      await read('ended', '/report?user=on-a-phone-after-revoke&after=revoke');
      bed.google.control.setAdsHierarchy(noAds());
      await chromium.close();
      expect(faults).toEqual([]);
    });
  });

  exhaustive.test("shows the broker's refusals in its words", async () => {
    const { status, text } = await submit('/revoke', [
      ['user', 'x'],
      ['grant', '00000000-0000-4000-8000-000000000000'],
    ]);
    expect(status).toBe(404);
    expect(text).toContain('There is no such grant');
    expect((await open('/?user=..')).status).toBe(400);
  });

  exhaustive.test('shows what others write into an address as text, or not at all', async () => {
    const { text } = await open('/?user=a&connect=failed&connect_error=%3Cb%3Ehello');
    expect(text).toContain('No reason was given.');
    expect(text).not.toContain('hello');
  });
});
