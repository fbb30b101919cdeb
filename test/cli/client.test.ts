import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';

interface Checked {
  readonly alias: string;
  readonly redirect_uri: { readonly uri: string | null; readonly state: string };
  readonly google: { readonly verdict: string; readonly error?: string };
}

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());
afterEach(() => {
  bed.google.control.reset();
});

async function check(env: Record<string, string> = {}, ...options: string[]) {
  const { code, output } = await asJson(['client', 'check', ...options], { ...bed.settings, ...env });
  return { code, clients: output?.['clients'] as Checked[], faults: output?.['faults'] };
}

/** A client_secret JSON of the stand-in's, changed. */
function changed(alias: string, change: (client: Record<string, unknown>) => void, kind = 'web'): string {
  const { web } = bed.google.clientSecretJson(alias) as { web: Record<string, unknown> };
  const client = { ...web };
  change(client);
  const path = join(emptyFolder(), `${alias}.json`);
  writeFileSync(path, JSON.stringify({ [kind]: client }));
  return path;
}

describe('token-broker client list', () => {
  test('shows every client and no secret, whatever else is missing', async () => {
    const env = { GOOGLE_CLIENT_SECRETS: bed.settings['GOOGLE_CLIENT_SECRETS'] ?? '' };
    const inWords = await tokenBroker(['client', 'list'], env);
    expect(inWords).toMatchObject({ code: 0, stderr: '' });
    expect(inWords.stdout).toMatch(
      /^ALIAS +KIND +PROJECT +CLIENT ID +REDIRECT URIS\ndefault +web +project-a +default +http/,
    );
    const { output } = await asJson(['client', 'list'], env);
    expect(output?.['clients']).toContainEqual({
      alias: 'elsewhere',
      client_id: 'elsewhere',
      kind: 'web',
      project_id: 'project-b',
      redirect_uris: [`${bed.url}/callback`, `${bed.url}/console/callback`],
    });
    expect(inWords.stdout + JSON.stringify(output)).not.toContain('GOCSPX');
  });

  test('exits with 78 where a file is no client', async () => {
    const { code, failure } = await asJson(['client', 'list'], {
      GOOGLE_CLIENT_SECRETS: 'one=/nowhere,BAD=/nowhere',
    });
    expect(code).toBe(78);
    expect(failure?.['faults']).toHaveLength(2);
    expect((await asJson(['client', 'list'])).failure?.['faults']).toEqual([
      'GOOGLE_CLIENT_SECRETS is not set',
    ]);
  });
});

describe('token-broker client check', () => {
  test('exits with 0 for clients that work, after one request to Google for each, with no token issued', async () => {
    bed.google.control.clearRequests();
    const inWords = await tokenBroker(['client', 'check'], bed.settings);
    expect(inWords).toMatchObject({ code: 0, stderr: '' });
    expect(inWords.stdout.match(/ok: accepts id and secret/g)).toHaveLength(3);
    expect(inWords.stdout).toContain(`ok: ${bed.url}/callback is listed`);
    expect(inWords.stdout).not.toContain('GOCSPX');
    expect(bed.google.control.count('token', 'refresh_token')).toBe(3);
    expect(await check()).toMatchObject({ code: 0, faults: [] });
  });

  test('sends nothing to Google with --offline', async () => {
    bed.google.control.clearRequests();
    const { code, clients } = await check({}, '--offline');
    expect(code).toBe(0);
    expect(clients.map(({ google }) => google.verdict)).toEqual(['not_asked', 'not_asked', 'not_asked']);
    expect(bed.google.control.count('token')).toBe(0);
  });

  test('exits with 3 for a client that Google refuses, and still checks the others', async () => {
    bed.google.control.deleteClient('second');
    const wrongSecret = changed('elsewhere', (client) => (client['client_secret'] = 'GOCSPX-wrong'));
    const unknown = changed('elsewhere', (client) => (client['client_id'] = 'unknown'));
    const { code, clients } = await check({
      GOOGLE_CLIENT_SECRETS: `${bed.settings['GOOGLE_CLIENT_SECRETS'] ?? ''},wrong=${wrongSecret},unknown=${unknown}`,
    });
    expect(code).toBe(3);
    expect(clients.map(({ alias, google }) => [alias, google.verdict, google.error])).toEqual([
      ['default', 'accepted', undefined],
      ['second', 'refused', 'deleted_client'],
      ['elsewhere', 'accepted', undefined],
      ['wrong', 'refused', 'invalid_client'],
      ['unknown', 'refused', 'invalid_client'],
    ]);
    const { stdout } = await tokenBroker(['client', 'check'], bed.settings);
    expect(stdout).toMatch(
      /^second: .*\n.*\n.*\n {2}Google +REFUSES this client: deleted_client.*\n.*new client/m,
    );
  });

  test('counts unauthorized_client as refused as well', async () => {
    bed.google.control.failAlways('token', { status: 401, body: { error: 'unauthorized_client' } });
    expect((await check()).code).toBe(3);
  });

  test('exits with 69 where Google cannot be reached, is slow or fails', async () => {
    const unreachable = await check({ GOOGLE_STAND_IN_URL: `http://127.0.0.1:${await freePort()}` });
    expect(unreachable.code).toBe(69);
    expect(unreachable.clients[0]?.google).toMatchObject({ verdict: 'no_answer', error: 'connection_lost' });

    bed.google.control.latency('token', 1000);
    const slow = await tokenBroker(['client', 'check'], { ...bed.settings, GOOGLE_TIMEOUT_MS: '200' });
    expect(slow).toMatchObject({
      code: 69,
      stdout: expect.stringContaining('Google did not answer in time'),
    });

    bed.google.control.reset();
    bed.google.control.failAlways('token', { status: 503, body: 'unwell' });
    expect(await check()).toMatchObject({ code: 69, clients: [{ google: { error: 'http_503' } }, {}, {}] });
  });

  test('names the rule of Google that a redirect URI breaks', async () => {
    const path = changed('default', (client) => {
      client['redirect_uris'] = [`${bed.url}/callback`, 'https://a.example.com/*'];
    });
    const env = { GOOGLE_CLIENT_SECRETS: path };
    const { code, clients, faults } = await check(env, '--offline');
    expect(code).toBe(78);
    expect(clients[0]?.redirect_uri).toEqual({ uri: `${bed.url}/callback`, state: 'breaks_rules' });
    const named = 'client default: its redirect URI https://a.example.com/* breaks the rule no-wildcard: ';
    expect(faults).toEqual([expect.stringContaining(named)]);
    const inWords = await tokenBroker(['client', 'check', '--offline'], { ...bed.settings, ...env });
    expect(inWords.stdout).toContain(named);
    expect(inWords.stdout).toContain('redirect URI  FAULT: one breaks');
  });

  test('says whether the redirect URI is listed, any loopback, unknown or not usable', async () => {
    const files = {
      listed: changed('default', () => undefined),
      installed: changed(
        'default',
        (client) => (client['redirect_uris'] = ['http://localhost']),
        'installed',
      ),
      silent: changed('default', (client) => delete client['redirect_uris']),
      another: changed('default', (client) => (client['redirect_uris'] = [`${bed.url}/callback/`])),
    };
    const { code, clients, faults } = await check({
      GOOGLE_CLIENT_SECRETS: Object.entries(files)
        .map(([alias, path]) => `${alias}=${path}`)
        .join(),
    });
    expect(code).toBe(78);
    expect(clients.map(({ redirect_uri }) => redirect_uri.state)).toEqual([
      'listed',
      'loopback',
      'unknown',
      'not_usable',
    ]);
    expect(faults).toEqual([expect.stringMatching(/^client another: .*redirect_uris/)]);
  });

  test('works while other settings are faulty, names all faults, and exits with 78', async () => {
    const { DATABASE_URL: _database, KEY_RING_FILE: _ring, PUBLIC_URL: _url, ...rest } = bed.settings;
    const broken = join(emptyFolder(), 'broken.json');
    writeFileSync(broken, 'GOCSPX-in-a-broken-file');
    const env = { ...rest, GOOGLE_CLIENT_SECRETS: `${rest['GOOGLE_CLIENT_SECRETS'] ?? ''},broken=${broken}` };
    const { code, output, failure } = await asJson(['client', 'check'], env);
    expect({ code, failure }).toEqual({ code: 78, failure: null });
    expect(output?.['faults']).toEqual([
      'PUBLIC_URL is not set',
      'DATABASE_URL is not set',
      'KEY_RING_FILE is not set',
      `GOOGLE_CLIENT_SECRETS: ${broken} is not JSON`,
    ]);
    const clients = output?.['clients'] as Checked[];
    expect(clients.map(({ google }) => google.verdict)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(clients[0]?.redirect_uri).toEqual({ uri: null, state: 'not_checked' });

    const { stdout } = await tokenBroker(['client', 'check'], env);
    expect(stdout).toContain('\n  - DATABASE_URL is not set\n');
    expect(stdout).not.toContain('GOCSPX');
  });

  test('sends no secret to a wrong address of the stand-in', async () => {
    const { code, clients } = await check({ GOOGLE_STAND_IN_URL: 'not a url' });
    expect(code).toBe(78);
    expect(clients.map(({ google }) => google.verdict)).toEqual(['not_asked', 'not_asked', 'not_asked']);
  });

  test('warns of a version of the Google Ads API that Google ended, and exits with 0', async () => {
    const env = { ...bed.settings, GOOGLE_ADS_API_VERSION: 'v22' };
    const inWords = await tokenBroker(['client', 'check', '--offline'], env);
    expect(inWords).toMatchObject({ code: 0, stderr: '' });
    expect(inWords.stdout).toContain(
      'WARNING for v22: Google no longer serves the version in `GOOGLE_ADS_API_VERSION`. Set `GOOGLE_ADS_API_VERSION` to a newer one.',
    );
    const { output } = await asJson(['client', 'check', '--offline'], env);
    expect(output?.['google_ads_api']).toEqual({ version: 'v22', sunset: '2026-10-07', state: 'ended' });
    const newest = await tokenBroker(['client', 'check', '--offline'], {
      ...bed.settings,
      GOOGLE_ADS_API_VERSION: 'v99',
    });
    expect(newest.stdout).not.toContain('WARNING');
    const byDefault = (await asJson(['client', 'check', '--offline'], bed.settings)).output?.[
      'google_ads_api'
    ];
    expect(byDefault).toMatchObject({ sunset: expect.stringMatching(/^\d{4}-/) });
  });

  test('exits with 78 where no client is configured', async () => {
    expect(await check({ GOOGLE_CLIENT_SECRETS: '' })).toEqual({
      code: 78,
      clients: [],
      faults: ['GOOGLE_CLIENT_SECRETS is not set'],
    });
  });
});
