/** One sidecar, asked by Google's own libraries of npm and by hand, before a stand-in for the broker that restarts. */
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { gcpMetadata as metadata, GoogleAuth } from 'google-auth-library';
import { freePort } from '../../sandbox/trial/postgres.js';
import { type EndpointResponse, LINK, OUTAGE, RECONNECT, TokenEndpoint } from '../support/broker-stand-in.js';
import { until } from '../support/until.js';
import { emptyFolder, type Running, startTokenBroker, tokenBroker } from './token-broker.js';

const DRIVE = 'https://www.googleapis.com/auth/drive';
const ROOT = '/computeMetadata/v1';
const TEXT = { 'content-type': 'text/plain' };
const ACCOUNT = `${ROOT}/instance/service-accounts/default`;

interface Sidecar {
  readonly process: Running;
  readonly port: number;
  readonly variables: Record<string, string>;
}

async function startSidecar(args: string[], env: Record<string, string>): Promise<Sidecar> {
  const process = startTokenBroker(['sidecar', ...args, '--json'], env);
  await until(() => process.printed().stdout.endsWith('\n'));
  const { variables } = JSON.parse(process.printed().stdout) as { variables: Record<string, string> };
  return { process, variables, port: Number(variables['GCE_METADATA_HOST']?.split(':')[1]) };
}

interface Response {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** By hand: fetch does not let a Host be chosen. */
function ask(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        port,
        host: '127.0.0.1',
        path,
        method,
        headers: { 'metadata-flavor': 'Google', ...headers },
        agent: false,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => {
          resolve({ status: response.statusCode, headers: response.headers, text });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('a sidecar', () => {
  const folder = emptyFolder();
  const keyFile = join(folder, 'reports.key');
  const tokenFile = join(folder, 'token');
  const ownEnv = process.env;
  let broker: TokenEndpoint;
  let sidecar: Sidecar;

  beforeAll(async () => {
    writeFileSync(keyFile, 'first\n');
    broker = await TokenEndpoint.start();
    // Due at once: each request asks the broker, and what it answers decides.
    broker.expiresIn = 300;
    sidecar = await startSidecar(
      [
        '--user',
        'alice',
        '--account',
        'alice@example.com',
        '--key-file',
        keyFile,
        '--token-file',
        tokenFile,
      ].concat('--project', 'analytics'),
      { PUBLIC_URL: broker.url },
    );
    process.env = { ...ownEnv, ...sidecar.variables, HOME: folder };
    delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  });
  beforeEach(() => {
    broker.respond = () => broker.token();
  });
  afterAll(async () => {
    process.env = ownEnv;
    sidecar.process.kill('SIGKILL');
    await sidecar.process.finished;
    await broker.stop();
  });

  /** Without those by which it keeps its default token fresh. */
  const askedFor = (scope: string) => broker.requests.filter(({ form }) => form['scope'] === scope);
  const get = (path: string, headers?: Record<string, string>, method?: string) =>
    ask(sidecar.port, path, headers, method);

  test('prints every variable by which a library finds a metadata server', () => {
    const address = `127.0.0.1:${sidecar.port}`;
    expect(sidecar.variables).toEqual({
      GCE_METADATA_HOST: address,
      GCE_METADATA_IP: address,
      GCE_METADATA_ROOT: address,
      METADATA_SERVER_DETECTION: 'assume-present',
      K_SERVICE: 'token-broker',
      K_REVISION: 'token-broker',
      K_CONFIGURATION: 'token-broker',
      CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: tokenFile,
      GOOGLE_CLOUD_PROJECT: 'analytics',
    });
  });

  test('gives the Node library a token, without a file and without code', async () => {
    const auth = new GoogleAuth({ scopes: [DRIVE] });
    expect(await auth.getAccessToken()).toBe(broker.newest);
    expect(await auth.getProjectId()).toBe('analytics');
    expect(askedFor(DRIVE)[0]?.form).toMatchObject({
      subject_token: 'first',
      audience: `${broker.url}/users/alice?account=alice%40example.com`,
    });
  });

  test('is a metadata server to gcp-metadata, also without its variable for detection', async () => {
    delete process.env['METADATA_SERVER_DETECTION'];
    metadata.resetIsAvailableCache();
    expect(await metadata.isAvailable()).toBe(true);
    expect(await metadata.instance('service-accounts/default/email')).toBe('alice@example.com');
    expect(await metadata.project('project-id')).toBe('analytics');
    expect(await metadata.universe('universe-domain')).toBe('googleapis.com');
    expect(
      await metadata.instance({ property: 'service-accounts/default', params: { recursive: 'true' } }),
    ).toEqual({
      aliases: ['default'],
      email: 'alice@example.com',
      scopes: [DRIVE, 'openid'],
    });
  });

  test('makes the Node library show the link when the user must connect again, and says so once', async () => {
    broker.respond = () => RECONNECT;
    const auth = new GoogleAuth({ scopes: [DRIVE] });
    await expect(auth.getAccessToken()).rejects.toThrow(LINK);
    expect(await get(`${ACCOUNT}/token`)).toMatchObject({
      status: 400,
      text: `Access ended: send the user to error_uri. ${LINK} The user revoked the access at Google. (invalid_grant)\n`,
    });
    // An old token would be refused by Google, with less to go by.
    expect(existsSync(tokenFile)).toBe(false);
    broker.respond = () => broker.token();
    const { status, text } = await get(`${ACCOUNT}/token`);
    expect({ status, text: JSON.parse(text) as unknown }).toEqual({
      status: 200,
      text: { access_token: broker.newest, expires_in: expect.any(Number), token_type: 'Bearer' },
    });
    expect(readFileSync(tokenFile, 'utf8')).toBe(broker.newest);
  });

  test('keeps the token in a file that only its owner can read', () => {
    expect(readFileSync(tokenFile, 'utf8')).toMatch(/^ya29\.token-\d+$/);
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  });

  test.each<[string, string]>([
    ['/', 'computeMetadata/\n'],
    [ROOT, 'instance/\nproject/\nuniverse/\n'],
    [`${ROOT}/`, 'instance/\nproject/\nuniverse/\n'],
    [`${ROOT}/instance/service-accounts/`, 'default/\nalice@example.com/\n'],
    [`${ACCOUNT}/`, 'aliases\nemail\nscopes\ntoken\n'],
    [`${ACCOUNT}/email`, 'alice@example.com'],
    [`${ACCOUNT}/email?alt=json`, '"alice@example.com"'],
    [`${ACCOUNT}/scopes`, `${DRIVE}\nopenid\n`],
    [`${ROOT}/instance/service-accounts/alice@example.com/scopes?alt=json`, `["${DRIVE}","openid"]`],
    [
      `${ACCOUNT}/?recursive=true&alt=text`,
      `aliases default\nemail alice@example.com\nscopes ${DRIVE}\nscopes openid\n`,
    ],
    [`${ROOT}/project/?recursive=true`, '{"projectId":"analytics"}'],
    [`${ROOT}/universe/universe-domain`, 'googleapis.com'],
  ])('answers %s as the original does', async (path, text) => {
    expect(await get(path)).toMatchObject({ status: 200, text, headers: { 'metadata-flavor': 'Google' } });
  });

  test.each<[string, string, Record<string, string>, number]>([
    ['a request without Metadata-Flavor', '/', { 'metadata-flavor': 'x' }, 403],
    [
      'a request that a proxy passed on',
      `${ACCOUNT}/token?scopes=email`,
      { 'x-forwarded-for': '10.0.0.1' },
      403,
    ],
    ['a name that DNS could point here', `${ACCOUNT}/token?scopes=email`, { host: 'evil.example.com' }, 403],
    [
      'a name that only begins like this machine',
      `${ACCOUNT}/token?scopes=email`,
      { host: '127.0.0.1.evil.example.com' },
      403,
    ],
    ['an identity token', `${ACCOUNT}/identity?audience=x`, {}, 404],
    ['another path', '/computeMetadata/v2/', {}, 404],
    ['a member of Object', `${ROOT}/instance/constructor`, {}, 404],
    ['scopes that are none', `${ACCOUNT}/token?scopes=%22`, {}, 400],
  ])('refuses %s', async (_, path, headers, status) => {
    expect(await get(path, headers)).toMatchObject({ status, headers: { 'metadata-flavor': 'Google' } });
    expect(askedFor('email')).toEqual([]);
  });

  test('refuses other methods, and takes localhost in any case', async () => {
    expect(await get('/', {}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect((await get('/', { host: 'LocalHost:80' })).status).toBe(200);
    expect((await get('/', { host: '[::1]:80' })).status).toBe(200);
  });

  test('asks for the scopes that a library names', async () => {
    const { status } = await get(`${ACCOUNT}/token?scopes=${encodeURIComponent(`${DRIVE},openid`)}`);
    expect(status).toBe(200);
    expect(askedFor(`${DRIVE} openid`)).toHaveLength(1);
  });

  test.each<[string, EndpointResponse]>([
    ['a router without the broker', { status: 404, headers: TEXT, body: '404 page not found\n' }],
    ['a login page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Log in' }],
    [
      'another server',
      { status: 404, body: { statusCode: 404, message: 'Cannot POST', error: 'Not Found' } },
    ],
    ['a gateway', { status: 403, body: { error: 'forbidden' } }],
  ])(
    'hands out the last token, and keeps its file, while %s answers for the broker',
    async (who, response) => {
      const last = JSON.parse((await get(`${ACCOUNT}/token`)).text) as { access_token: string };
      const before = broker.requests.length;
      broker.respond = () => response;
      const during = await get(`${ACCOUNT}/token`);
      expect(during.status).toBe(200);
      expect(JSON.parse(during.text)).toMatchObject({ access_token: last.access_token });
      expect(readFileSync(tokenFile, 'utf8')).toBe(last.access_token);
      expect(broker.requests.length).toBeGreaterThan(before);
      // Scopes that it has no token for: a person sees what is wrong.
      expect(await get(`${ACCOUNT}/token?scopes=${encodeURIComponent(who)}`)).toMatchObject({
        status: 503,
        text: `${broker.url}/users/alice/oauth2/token is not the token endpoint of a broker (HTTP ${response.status}). Check the address.\n`,
      });
      broker.respond = () => broker.token();
      // After its backoff.
      await until(async () => !(await get(`${ACCOUNT}/token`)).text.includes(last.access_token));
      expect(readFileSync(tokenFile, 'utf8')).not.toBe(last.access_token);
    },
  );

  test('hands out the last token while the broker restarts, and reads a replaced key', async () => {
    const last = JSON.parse((await get(`${ACCOUNT}/token`)).text) as { access_token: string };
    await broker.stop();
    const during = await get(`${ACCOUNT}/token`);
    expect(during).toMatchObject({ status: 200 });
    expect(JSON.parse(during.text)).toMatchObject({ access_token: last.access_token });
    expect(readFileSync(tokenFile, 'utf8')).toBe(last.access_token);
    // Scopes that it has no token for.
    const other = await get(`${ACCOUNT}/token?scopes=email`);
    expect(other).toMatchObject({
      status: 503,
      text: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
    });
    expect(Number(other.headers['retry-after'])).toBeGreaterThan(0);

    writeFileSync(keyFile, 'second\n');
    broker = await TokenEndpoint.start(broker.port);
    // By itself, after its backoff.
    await until(() => broker.requests.length > 0);
    expect(broker.requests[0]?.form).toMatchObject({ subject_token: 'second' });
    await until(() => readFileSync(tokenFile, 'utf8') === broker.newest);
  });

  test('waits as long as a broker in trouble asks for', async () => {
    broker.respond = () => OUTAGE;
    const { status, text } = await get(`${ACCOUNT}/token?scopes=profile`);
    expect({ status, text }).toEqual({ status: 503, text: 'Google does not answer.\n' });
    expect(askedFor('profile')).toHaveLength(1);
    const again = await get(`${ACCOUNT}/token?scopes=profile`);
    expect(again).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^[12]$/) } });
    expect(askedFor('profile')).toHaveLength(1);
  });

  test('stops on SIGTERM, and takes the token file away', async () => {
    sidecar.process.kill('SIGTERM');
    expect(await sidecar.process.finished).toMatchObject({ code: 0 });
    expect(existsSync(tokenFile)).toBe(false);
  });
});

describe('token-broker sidecar', () => {
  test('works with a delegated credential, prints exports, and reports each trouble once', async () => {
    const broker = await TokenEndpoint.start();
    broker.respond = () => RECONNECT;
    const folder = emptyFolder();
    // Of a sidecar that was killed.
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'ya29.old');
    const { finished, printed, kill } = startTokenBroker(
      ['sidecar', '--credential-file', '-', '--token-file', tokenFile],
      { PUBLIC_URL: broker.url },
      folder,
      'tbc_h3k9x2mvq7aw_secret\n',
    );
    await until(() => printed().stderr.includes('Ready on '));
    expect(existsSync(tokenFile)).toBe(false);
    const { stdout } = printed();
    expect(stdout).toMatch(/^export GCE_METADATA_HOST=127\.0\.0\.1:\d+\n/);
    const port = Number(/GCE_METADATA_HOST=127\.0\.0\.1:(\d+)/.exec(stdout)?.[1]);
    for (let time = 0; time < 3; time++) expect((await ask(port, `${ACCOUNT}/token`)).status).toBe(400);
    broker.respond = () => broker.token();
    // The account's address is not known here.
    expect((await ask(port, `${ACCOUNT}/email`)).text).toBe('default');
    expect((await ask(port, `${ROOT}/project/project-id`)).status).toBe(404);
    expect((await ask(port, `${ACCOUNT}/token`)).status).toBe(200);
    expect(broker.requests[0]?.form).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'tbc_h3k9x2mvq7aw_secret',
    });
    kill('SIGINT');
    const { code, stderr } = await finished;
    expect({ code, said: stderr.split(LINK).length - 1 }).toEqual({ code: 0, said: 1 });
    expect(stderr).toContain('The broker gives tokens again.\n');
    expect(stderr).not.toContain('tbc_');
    await broker.stop();
  });

  test('serves on after the reader of its output has closed the pipe, and takes the token file away', async () => {
    const broker = await TokenEndpoint.start();
    // Due at once: each request asks the broker.
    broker.expiresIn = 300;
    const folder = emptyFolder();
    const tokenFile = join(folder, 'token');
    writeFileSync(join(folder, 'k'), 'key');
    const { finished, printed, closePipe, kill } = startTokenBroker(
      ['sidecar', ...proof, '--token-file', tokenFile],
      { PUBLIC_URL: broker.url },
      folder,
    );
    await until(() => printed().stderr.includes('Ready on '));
    const port = Number(/GCE_METADATA_HOST=127\.0\.0\.1:(\d+)/.exec(printed().stdout)?.[1]);
    closePipe('stdout');
    closePipe('stderr');
    for (const [respond, status] of [
      [() => RECONNECT, 400],
      [() => broker.token(), 200],
      [() => RECONNECT, 400],
      [() => broker.token(), 200],
    ] as const) {
      broker.respond = respond;
      expect((await ask(port, `${ACCOUNT}/token`)).status).toBe(status);
    }
    expect(readFileSync(tokenFile, 'utf8')).toBe(broker.newest);
    kill('SIGTERM');
    expect((await finished).code).toBe(0);
    expect(existsSync(tokenFile)).toBe(false);
    await broker.stop();
  });

  test('started before the broker, it takes the issuer of its audiences once the broker is there', async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'k'), 'key');
    const reserved = await freePort();
    const args = ['sidecar', ...proof, '--broker', `http://127.0.0.1:${reserved}`];
    const { finished, printed, kill } = startTokenBroker(args, {}, folder);
    await until(() => printed().stderr.includes('Ready on '));
    const port = Number(/GCE_METADATA_HOST=127\.0\.0\.1:(\d+)/.exec(printed().stdout)?.[1]);
    const early = await ask(port, `${ACCOUNT}/token`);
    expect(early).toMatchObject({
      status: 503,
      text: expect.stringContaining(`The broker at http://127.0.0.1:${reserved} does not say its issuer`),
    });
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(0);

    const broker = await TokenEndpoint.start(reserved);
    broker.issuer = 'https://broker.example.com';
    // By itself, after its backoff.
    await until(async () => (await ask(port, `${ACCOUNT}/token`)).status === 200);
    expect(broker.requests[0]?.form).toMatchObject({ audience: 'https://broker.example.com/users/alice' });
    expect(printed().stderr).toContain('The broker gives tokens again.\n');
    kill('SIGTERM');
    expect((await finished).code).toBe(0);
    await broker.stop();
  });

  test('stops on SIGTERM also while it waits for its first token', async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'k'), 'key');
    let asked = 0;
    const silent = createServer(() => (asked += 1)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { finished, kill } = startTokenBroker(
      ['sidecar', ...proof],
      { PUBLIC_URL: `http://127.0.0.1:${port}` },
      folder,
    );
    await until(() => asked > 0);
    kill('SIGTERM');
    expect(await finished).toEqual({ code: 0, stdout: '', stderr: '' });
    silent.close();
  });

  test.each([
    ['its own key', 'k', 2, '--token-file'],
    ['a folder', '.', 2, '--token-file'],
    ['a file that cannot be written', 'missing/token', 4, 'does not exist'],
  ])('does not take %s for its token file', async (_, file, code, what) => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'k'), 'key');
    const args = ['sidecar', ...proof, '--token-file', file];
    expect(await tokenBroker(args, { PUBLIC_URL: 'http://127.0.0.1:9' }, folder)).toMatchObject({
      code,
      stdout: '',
      stderr: expect.stringContaining(what),
    });
    expect(readFileSync(join(folder, 'k'), 'utf8')).toBe('key');
  });

  test.each([
    ['client_secret.json', '{"web":{}}'],
    ['other.key', 'tbk_abcdefghijkl_secret'],
  ])('does not delete %s, a file that no sidecar wrote', async (name, content) => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'k'), 'key');
    writeFileSync(join(folder, name), content);
    const args = ['sidecar', ...proof, '--token-file', name];
    expect(await tokenBroker(args, { PUBLIC_URL: 'http://127.0.0.1:9' }, folder)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('is not an access token'),
    });
    expect(readFileSync(join(folder, name), 'utf8')).toBe(content);
  });

  const proof = ['--user', 'alice', '--key-file', 'k'];
  test.each([
    [[...proof, '--host', '0.0.0.0'], 2, 'a loopback address only'],
    [[...proof, '--host', '10.0.0.1'], 2, 'a loopback address only'],
    [[...proof, '--host', '127.0.0.1.example.com'], 2, 'a loopback address only'],
    [[...proof, '--port', '65536'], 2, '0 to 65535'],
    [['--user', 'alice'], 2, 'exactly one of --key-file, --jwt-file, --credential-file is needed'],
    [['--key-file', 'k'], 2, '--user is needed'],
    [[...proof], 2, 'neither TOKEN_BROKER_URL nor PUBLIC_URL'],
    [[...proof, '--broker', 'http://127.0.0.1:9'], 13, 'The service key cannot be read from'],
  ])('refuses %j', async (args, exitCode, what) => {
    expect(await tokenBroker(['sidecar', ...args])).toEqual({
      code: exitCode,
      stdout: '',
      stderr: expect.stringContaining(what),
    });
  });

  test('says that a port is in use', async () => {
    const broker = await TokenEndpoint.start();
    const folder = emptyFolder();
    writeFileSync(join(folder, 'k'), 'key');
    const args = ['sidecar', ...proof, '--port', String(broker.port)];
    expect(await tokenBroker(args, { PUBLIC_URL: broker.url }, folder)).toMatchObject({
      code: 12,
      stderr: expect.stringContaining('cannot be listened on (EADDRINUSE)'),
    });
    await broker.stop();
  });
});
