/**
 * Google's own library for Node.js, pointed at the broker by a credential file and by nothing else: each kind of file that it
 * reads, and what a developer sees when it fails.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { GoogleAuth } from 'google-auth-library';
import { youtubeAnalytics } from 'googleapis/build/src/apis/youtubeAnalytics/index.js';
import { Api } from '../support/api.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const folder = mkdtempSync(join(tmpdir(), 'token-broker-libraries-'));
let bed: TestBed;
/** As the metadata server of a platform: it gives a workload its credential, to requests with the right header. */
let platform: Server;
let platformUrl: string;
let given = '';

beforeAll(async () => {
  // The library warns of every credential file, also of one that a user wrote.
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  bed = await startTestBed();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'dead', scope: YOUTUBE, client: 'elsewhere' }, { account: BOB.email });
  bed.google.control.revokeByUser(BOB.sub, 'project-b');
  bed.clock.advance(3700);
  platform = createServer(({ headers }, response) => {
    if (headers['metadata-flavor'] === 'Google') response.end(given);
    else response.writeHead(403).end();
  });
  await new Promise<void>((listening) => platform.listen(0, '127.0.0.1', listening));
  platformUrl = `http://127.0.0.1:${(platform.address() as AddressInfo).port}/identity`;
});
afterAll(async () => {
  platform.close();
  await bed.stop();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `file-${++files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

/** As GOOGLE_APPLICATION_CREDENTIALS names it. */
const library = (credentials: unknown, scopes?: string[], clientOptions = {}) =>
  // oxlint-disable-next-line no-deprecated -- as for GOOGLE_APPLICATION_CREDENTIALS, in one process
  new GoogleAuth({ keyFilename: file(credentials), clientOptions, ...(scopes ? { scopes } : {}) });

const external = (user: string, source: object) => ({
  type: 'external_account',
  audience: `${bed.url}/users/${user}`,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${bed.url}/oauth2/token`,
  credential_source: source,
});

async function authorizedUser(user: string) {
  const { body } = await bed.api.post('/services/self/credentials', {
    user_id: user,
    client: user === 'dead' ? 'elsewhere' : 'default',
  });
  return authorizedUserOf(body['credential'] as string);
}

const authorizedUserOf = (handle: string) => ({
  type: 'external_account_authorized_user',
  audience: `${bed.url}/users/alice`,
  client_id: 'token-broker',
  client_secret: 'unused',
  refresh_token: handle,
  token_url: `${bed.url}/oauth2/token`,
});

/** The kinds of file, each for a user and with a service key or a handle of its own. */
const KINDS: readonly [string, (user: string, api: Api) => Promise<object>][] = [
  ['external_account with a file', (user, { key }) => Promise.resolve(external(user, { file: file(key) }))],
  [
    'external_account with a file that ends in a line break',
    (user, { key }) => Promise.resolve(external(user, { file: file(`${key}\n`) })),
  ],
  [
    'external_account with a URL and headers',
    (user, { key }) => {
      given = `${key}\n`;
      return Promise.resolve(external(user, { url: platformUrl, headers: { 'Metadata-Flavor': 'Google' } }));
    },
  ],
  ['external_account_authorized_user', (user) => authorizedUser(user)],
];

describe.each(KINDS)('%s', (_, credentials) => {
  const of = async (user: string) =>
    credentials(`${user}${user === 'dead' ? '?client=elsewhere' : ''}`, bed.api);

  test('gives the token, with the scope that the library names by itself and with others', async () => {
    const { body } = await bed.api.token('alice');
    for (const scopes of [undefined, ['https://www.googleapis.com/auth/cloud-platform'], [YOUTUBE]])
      expect(await library(await of('alice'), scopes).getAccessToken()).toBe(body['access_token']);
  });

  test('calls an API with it, and again with forceRefreshOnFailure when its token is refused', async () => {
    bed.google.control.failNext('reports', { named: 'invalid_credentials' });
    const auth = library(await of('alice'), undefined, { forceRefreshOnFailure: true });
    const api = youtubeAnalytics({ version: 'v2', auth });
    const { data } = await api.reports.query(
      { ids: 'channel==MINE', startDate: '2026-01-01', endDate: '2026-01-31', metrics: 'views' },
      { rootUrl: `${bed.google.url}/` },
    );
    expect(data.rows).toBeDefined();
  });
});

describe('what a developer sees', () => {
  const messageOf = async (credentials: object) => {
    const error = await library(credentials)
      .getAccessToken()
      .then(
        () => null,
        (thrown: unknown) => thrown as Error & { status?: number },
      );
    return { message: error?.message ?? '', status: error?.status };
  };

  test.each([
    [
      'external_account',
      () => Promise.resolve(external('dead?client=elsewhere', { file: file(bed.api.key) })),
    ],
    ['external_account_authorized_user', () => authorizedUser('dead')],
  ])(
    'of a grant that is dead is why, and the link, and the library does not repeat its call (%s)',
    async (_, make) => {
      const credentials = await make();
      const from = bed.log().length;
      const { message } = await messageOf(credentials);
      expect(message).toMatch(
        /^Error code invalid_grant: Access ended: send the user to error_uri\. http:\/\/127\.0\.0\.1:\d+\/connect\?/,
      );
      expect(message).toMatch(/ - http:\/\/127\.0\.0\.1:\d+\/connect\?[^ ]+$/);
      const calls = bed.log().slice(from).split('"path":"/oauth2/token"').length - 1;
      expect(calls).toBe(1);
    },
  );

  test('of a wrong key is that', async () => {
    const wrong = `tbk_aaaaaaaaaaaa_${'a'.repeat(43)}`;
    const { message, status } = await messageOf(external('alice', { file: file(wrong) }));
    expect(message).toContain('Error code invalid_client: Send a service key');
    expect(status).toBe(401);
  });

  test('of a revoked delegated credential is that', async () => {
    const { body } = await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    await bed.api.delete(`/services/self/credentials/${body['id'] as string}`);
    const { message } = await messageOf(authorizedUserOf(body['credential'] as string));
    expect(message).toMatch(/^Error code invalid_grant: .*expired or revoked/);
  });

  test('of a scope that the user did not allow is the link', async () => {
    const scopes = ['https://www.googleapis.com/auth/adwords'];
    const error = await library(external('alice', { file: file(bed.api.key) }), scopes)
      .getAccessToken()
      .catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Error code invalid_scope: Scope missing: .* http:.*\/connect\?/),
    });
  });
});

test('a token near its end is replaced before the library calls it due, so that it asks once', async () => {
  await bed.api.connect({ user_id: 'near', scope: YOUTUBE }, { account: ALICE.email });
  const first = await bed.api.token('near');
  bed.clock.advance((first.body['expires_in'] as number) - 320);
  const auth = library(external('near', { file: file(bed.api.key) }));
  const from = bed.log().length;
  const token = await auth.getAccessToken();
  expect(token).not.toBe(first.body['access_token']);
  expect(await auth.getAccessToken()).toBe(token);
  expect(bed.log().slice(from).split('"path":"/oauth2/token"').length - 1).toBe(1);
});
