/** Files and sidecar with the real broker: what Google's library gets is what GET /tokens gives, and so is a refusal's link. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { tokenByFile } from '../support/default-credentials.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';

const BY_KEY = 'credentials-file --user alice --for external_account --key-file service.key'.split(' ');

let bed: TestBed;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  bed = await startTestBed();
  env = { PUBLIC_URL: bed.url };
});
afterAll(() => bed.stop());
beforeEach(async () => {
  await bed.reset();
  folder = emptyFolder();
  writeFileSync(join(folder, 'service.key'), `${bed.api.key}\n`);
  await connect();
});

const connect = () => bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
const token = (scopes?: readonly string[]) => tokenByFile(join(folder, 'google-credentials.json'), scopes);
const tokenOfApi = async () => (await bed.api.token('alice')).body['access_token'];

describe('a credentials file', () => {
  test('gives the Node library the token of the user, by the service key', async () => {
    expect((await tokenBroker(BY_KEY, env, folder)).code).toBe(0);
    expect(await token([YOUTUBE])).toBe(await tokenOfApi());
    // The library's default, where a program names no scopes.
    expect(await token()).toBe(await tokenOfApi());
  });

  test('takes the audience from the broker that only an internal address is known of', async () => {
    const internal = bed.url.replace('127.0.0.1', 'localhost');
    expect((await tokenBroker(BY_KEY, { TOKEN_BROKER_URL: internal }, folder)).stderr).not.toContain(
      'does not answer',
    );
    expect(await token([YOUTUBE])).toBe(await tokenOfApi());
  });

  test('gives it by a delegated credential as well, until that is revoked', async () => {
    const { body } = await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    writeFileSync(join(folder, 'alice.credential'), String(body['credential']));
    const kind = ['--for', 'external_account_authorized_user'];
    const args = ['credentials-file', ...kind, '--credential-file', 'alice.credential'];
    expect((await tokenBroker(args, env, folder)).code).toBe(0);
    expect(await token([YOUTUBE])).toBe(await tokenOfApi());
    await bed.api.delete(`/services/self/credentials/${String(body['id'])}`);
    await expect(token([YOUTUBE])).rejects.toThrow(/revoked/);
  });
});

describe('a sidecar of the real broker', () => {
  test('gives the token, shows the link while there is none, and survives a restart', async () => {
    const running = startTokenBroker(
      ['sidecar', '--user', 'alice', '--key-file', 'service.key'],
      env,
      folder,
    );
    await until(() => running.printed().stderr.includes('Ready on '));
    const [, port = ''] = /GCE_METADATA_HOST=127\.0\.0\.1:(\d+)/.exec(running.printed().stdout) ?? [];
    // A set of scopes that is new to the sidecar: it asks the broker.
    const ask = async (scopes: string) => {
      const url = `http://127.0.0.1:${port}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${scopes}`;
      const response = await fetch(url, { headers: { 'metadata-flavor': 'Google' } });
      return { status: response.status, text: await response.text() };
    };
    const given = await ask(encodeURIComponent(YOUTUBE));
    expect(JSON.parse(given.text)).toMatchObject({ access_token: await tokenOfApi(), token_type: 'Bearer' });

    const { body } = await bed.api.get('/users/alice/grants');
    const [grant] = body['grants'] as { id: string }[];
    await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'local' });
    const refused = await ask('email');
    expect(refused).toMatchObject({
      status: 400,
      text: expect.stringMatching(/^Not connected: \D+ http\S+\/connect\S* /),
    });

    await connect();
    await bed.restart();
    await until(async () => (await ask('openid')).status === 200);
    running.kill('SIGTERM');
    expect((await running.finished).code).toBe(0);
  });
});
