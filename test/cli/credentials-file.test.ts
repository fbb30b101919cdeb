/** The files, read by the libraries that they are for where those are in npm; the endpoint's answers are a stand-in's. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse as parseIni } from 'ini';
import { parse as parseYaml } from 'yaml';
import { tokenByFile } from '../support/default-credentials.js';
import { LINK, RECONNECT, TokenEndpoint } from '../support/broker-stand-in.js';
import { asJson, emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';

const CREDENTIAL = 'tbc_h3k9x2mvq7aw_Tg3dLiDHjmhrXVNjb_-qKq_cmrJNi4B5_JLXrEIgHPk';
const DRIVE = 'https://www.googleapis.com/auth/drive';
const OFFLINE = { PUBLIC_URL: 'https://broker.example.com' };

let broker: TokenEndpoint;
let folder: string;
let keyFile: string;
let credentialFile: string;
beforeAll(async () => {
  broker = await TokenEndpoint.start();
});
beforeEach(() => {
  folder = emptyFolder();
  keyFile = join(folder, 'reports.key');
  credentialFile = join(folder, 'alice.credential');
  // As `echo` and editors leave it.
  writeFileSync(keyFile, 'tbk_aaaaaaaaaaaa_secret\n');
  writeFileSync(credentialFile, `${CREDENTIAL}\n`);
  broker.requests.length = 0;
  broker.respond = () => broker.token();
});
afterAll(() => broker.stop());

const run = (...args: string[]) => tokenBroker(['credentials-file', ...args], OFFLINE, folder);
const file = (name = 'google-credentials.json') => readFileSync(join(folder, name), 'utf8');
const json = () => JSON.parse(file()) as Record<string, unknown>;

describe('a file for external_account', () => {
  test('gives the Node library a token, for the user, client and account that it names', async () => {
    const options = [
      '--user',
      'a/ü?b',
      '--client',
      'ads',
      '--account',
      'alice@example.com',
      '--for',
      'external_account',
    ];
    const { code } = await tokenBroker(
      ['credentials-file', ...options, '--key-file', keyFile],
      { PUBLIC_URL: broker.url },
      folder,
    );
    expect(code).toBe(0);
    const token = tokenByFile(join(folder, 'google-credentials.json'), [DRIVE]);
    expect(await token).toBe(broker.newest);
    expect(broker.requests.map(({ form }) => form)).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: 'tbk_aaaaaaaaaaaa_secret\n',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: `${broker.url}/users/a%2F%C3%BC%3Fb?client=ads&account=alice%40example.com`,
        scope: DRIVE,
      },
    ]);
  });

  test('makes the Node library show the link when the user must connect again', async () => {
    broker.respond = () => RECONNECT;
    await tokenBroker(
      ['credentials-file', '--user', 'alice', '--for', 'external_account', '--key-file', keyFile],
      { PUBLIC_URL: broker.url },
      folder,
    );
    const token = tokenByFile(join(folder, 'google-credentials.json'), [DRIVE]);
    await expect(token).rejects.toThrow(LINK);
  });

  test('names the JWT of a platform, and the URL of one with its headers', async () => {
    const jwt = '/var/run/secrets/tokens/broker';
    const first = await run('--user', 'alice', '--for', 'external_account', '--jwt-file', jwt);
    expect(first).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`${jwt} is not on this machine.`),
    });
    expect(json()).toEqual({
      type: 'external_account',
      audience: 'https://broker.example.com/users/alice',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://broker.example.com/users/alice/oauth2/token',
      credential_source: { file: jwt, format: { type: 'text' } },
    });

    const headers = join(folder, 'headers.txt');
    writeFileSync(headers, 'Authorization: bearer secret-of-the-job\n');
    const url = 'https://actions.example.com/token?audience=x';
    const options = [
      '--url-source',
      url,
      '--url-header',
      `@${headers}`,
      '--url-header',
      'X-Of: CI',
      '--url-field',
      'value',
    ];
    const second = await run(
      '--user',
      'alice',
      '--for',
      'external_account',
      '--scope',
      DRIVE,
      '--force',
      ...options,
    );
    expect(second.code).toBe(0);
    expect(json()).toMatchObject({
      scopes: [DRIVE],
      credential_source: {
        url,
        headers: { Authorization: 'bearer secret-of-the-job', 'X-Of': 'CI' },
        format: { type: 'json', subject_token_field_name: 'value' },
      },
    });
  });

  test('takes the issuer for audiences from the broker that TOKEN_BROKER_URL names', async () => {
    broker.issuer = 'https://broker.example.com';
    const args = ['credentials-file', '--user', 'alice', '--for', 'external_account', '--key-file', keyFile];
    const { code } = await tokenBroker(args, { TOKEN_BROKER_URL: broker.url }, folder);
    expect(code).toBe(0);
    // Never the token endpoint that the document names: the key goes to the address of the setting.
    expect(json()).toMatchObject({
      audience: 'https://broker.example.com/users/alice',
      token_url: `${broker.url}/users/alice/oauth2/token`,
    });
    broker.issuer = null;
    const silent = await tokenBroker([...args, '--force', '--broker', `${broker.url}/`], {}, folder);
    expect(silent.stderr).toContain('does not answer, so the audience begins with this address');
    expect(json()).toMatchObject({ audience: `${broker.url}/users/alice` });
  });
});

describe('a file with a delegated credential', () => {
  test('gives the Node library a token, and Basic authentication that means nothing', async () => {
    const args = ['credentials-file', '--for', 'external_account_authorized_user', '--credential-file', '-'];
    const { finished } = startTokenBroker(args, { PUBLIC_URL: broker.url }, folder, `${CREDENTIAL}\r\n`);
    expect((await finished).code).toBe(0);
    const token = tokenByFile(join(folder, 'google-credentials.json'), [DRIVE]);
    expect(await token).toBe(broker.newest);
    expect(broker.requests).toEqual([
      {
        path: '/oauth2/token',
        form: { grant_type: 'refresh_token', refresh_token: CREDENTIAL },
        authorization: expect.stringMatching(/^Basic /),
      },
    ]);
  });

  test('is written for what reads token_uri, for gcloud and for rclone', async () => {
    const options = ['--credential-file', credentialFile, '--force', '--for'];
    await run(...options, 'authorized_user');
    expect(json()).toEqual({
      type: 'authorized_user',
      client_id: 'token-broker',
      client_secret: 'not-used',
      refresh_token: CREDENTIAL,
      token_uri: 'https://broker.example.com/oauth2/token',
    });
    const gcloud = await run(...options, 'gcloud', '--print-env');
    // It ignores the address in the file.
    expect(gcloud.stdout).toBe(
      `export CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=${join(folder, 'google-credentials.json')}\n` +
        'export CLOUDSDK_AUTH_TOKEN_HOST=https://broker.example.com/oauth2/token\n',
    );
    expect(json()).toMatchObject({ type: 'authorized_user', refresh_token: CREDENTIAL });

    await run(...options, 'rclone', '--scope', `${DRIVE}.readonly`);
    const { broker: remote } = parseIni(file('rclone.conf')) as Record<string, Record<string, string>>;
    expect(remote).toMatchObject({
      type: 'drive',
      scope: 'drive.readonly',
      token_url: 'https://broker.example.com/oauth2/token',
    });
    // An empty access token makes rclone read an older form, without the refresh token.
    expect(JSON.parse(/^token = (.*)$/m.exec(file('rclone.conf'))?.[1] ?? '')).toEqual({
      access_token: 'expired',
      token_type: 'Bearer',
      refresh_token: CREDENTIAL,
      expiry: '2000-01-01T00:00:00Z',
    });
  });
});

describe('token-broker credentials-file', () => {
  test('writes a private file, and never over another one without --force', async () => {
    const options = ['--user', 'alice', '--for', 'google-ads-python', '--key-file', keyFile];
    const first = await run(...options);
    const path = join(folder, 'google-credentials.json');
    expect(first).toMatchObject({
      code: 0,
      stdout: `Wrote ${path}. Only you can read it. Do not commit it to a repository.\n`,
    });
    expect(first.stderr).toContain('use_application_default_credentials: true');
    expect(first.stderr).toContain(
      `Set in the environment of the program:\nexport GOOGLE_APPLICATION_CREDENTIALS=${path}\n`,
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, 'kept');
    expect(await run(...options)).toMatchObject({ code: 3, stdout: '' });
    expect(file()).toBe('kept');
    expect((await run(...options, '--force')).code).toBe(0);
    expect(json()).toMatchObject({ type: 'external_account' });
    expect(readdirSync(folder).sort()).toEqual([
      'alice.credential',
      'google-credentials.json',
      'reports.key',
    ]);
  });

  test.each([
    ['google-ads-python', 'use_application_default_credentials: true'],
    ['google-ads-java', 'api.googleads.useApplicationDefaultCredentials=true'],
    ['google-ads-php', 'no clientId, clientSecret, refreshToken'],
    ['google-ads-ruby', 'c.use_application_default_credentials = true'],
    ['google-ads-dotnet', '<add key="UseApplicationDefaultCredentials" value="true" />'],
  ])('says which lines %s needs beside the file', async (reader, line) => {
    const { code, stderr } = await run('--user', 'alice', '--for', reader, '--key-file', keyFile);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(line) });
  });

  test('sends users of Ruby to where a link is', async () => {
    const { stderr } = await run(
      '--user',
      'alice',
      '--for',
      'google-ads-ruby',
      '--key-file',
      keyFile,
      '--force',
    );
    expect(stderr).toContain("GET /tokens/USER with the service's key says why");
    expect(stderr).toContain('token-broker ticket create');
    expect(stderr).not.toMatch(/\blog\b/);
  });

  test('warns that Java refuses plain http, and where plain http leaves this machine', async () => {
    const args = ['--user', 'alice', '--key-file', keyFile, '--output', '-', '--json'];
    const plain = { PUBLIC_URL: 'http://127.0.0.1:9' };
    const notes = async (reader: string, env: Record<string, string>) =>
      JSON.stringify((await asJson(['credentials-file', '--for', reader, ...args], env)).output?.['notes']);
    expect(await notes('google-ads-java', plain)).toContain('refuses a token_url without https');
    expect(await notes('external_account', plain)).toContain('refuses a token_url without https');
    expect(await notes('google-ads-java', OFFLINE)).not.toContain('without https');
    expect(await notes('external_account', plain)).not.toContain('can be read on the way');
    const remote = { PUBLIC_URL: 'http://broker.internal:3000' };
    expect(await notes('external_account', remote)).toContain('can be read on the way');
    expect(await notes('external_account', OFFLINE)).not.toContain('can be read on the way');
  });

  test('prints what a shell evaluates, whatever the path holds, and nothing else on standard output', async () => {
    const output = join(folder, `it's $HOME.json`);
    const options = [
      '--user',
      'alice',
      '--for',
      'external_account',
      '--key-file',
      keyFile,
      '--output',
      output,
    ];
    const { code, stdout } = await run(...options, '--print-env');
    expect(code).toBe(0);
    const { stdout: seen } = spawnSync('sh', ['-c', `${stdout}printf %s "$GOOGLE_APPLICATION_CREDENTIALS"`], {
      encoding: 'utf8',
    });
    expect(seen).toBe(output);
  });

  test('prints what a Pod needs to have the file as a Secret, and a JWT that the kubelet replaces', async () => {
    const withJwt = [
      '--user',
      'alice',
      '--for',
      'external_account',
      '--jwt-file',
      '/var/run/secrets/tokens/broker',
    ];
    const { stdout } = await run(...withJwt, '--print-env=kubernetes');
    expect(parseYaml(stdout)).toEqual({
      env: [
        {
          name: 'GOOGLE_APPLICATION_CREDENTIALS',
          value: '/var/run/secrets/token-broker-files/google-credentials.json',
        },
      ],
      volumeMounts: [
        { name: 'token-broker', mountPath: '/var/run/secrets/token-broker-files', readOnly: true },
        { name: 'token-broker-identity', mountPath: '/var/run/secrets/tokens', readOnly: true },
      ],
      volumes: [
        { name: 'token-broker', secret: { secretName: 'token-broker' } },
        {
          name: 'token-broker-identity',
          projected: {
            sources: [
              {
                serviceAccountToken: {
                  path: 'broker',
                  audience: 'https://broker.example.com',
                  expirationSeconds: 3600,
                },
              },
            ],
          },
        },
      ],
    });
    // The key is read where it is mounted.
    const withKey = ['--user', 'alice', '--for', 'external_account', '--key-file', keyFile, '--force'];
    const second = await run(...withKey, '--print-env=kubernetes');
    expect(second.stdout).toContain(`--from-file=reports.key=${keyFile}`);
    expect(json()).toMatchObject({
      credential_source: { file: '/var/run/secrets/token-broker-files/reports.key' },
    });
  });

  test('mounts the JWT of docs/workload-identity.md beside the Secret, and refuses one at its place', async () => {
    const print = (jwt: string) =>
      run('--user', 'alice', '--for', 'external_account', '--jwt-file', jwt, '--print-env=kubernetes');
    const { stdout } = await print('/var/run/secrets/token-broker/token');
    const { volumeMounts } = parseYaml(stdout) as { volumeMounts: { mountPath: string }[] };
    expect(new Set(volumeMounts.map(({ mountPath }) => mountPath)).size).toBe(2);
    const taken = '/var/run/secrets/token-broker-files';
    for (const jwt of [`${taken}/token`, `${taken}/jwt/token`, '/var/run/secrets/token', '/token'])
      expect(await print(jwt)).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(taken) });
  });

  const user = ['--user', 'alice'];
  test.each([
    [
      [...user, '--for', 'external_account'],
      'exactly one of --key-file, --jwt-file, --url-source, --credential-file',
    ],
    [['--for', 'external_account', '--key-file', 'k'], '--user is needed.'],
    [['--user', '', '--for', 'external_account', '--key-file', 'k'], '--user must be 1 to 255'],
    [[...user, '--for', 'dart', '--key-file', 'k'], 'Allowed choices are'],
    [[...user, '--for', 'authorized_user', '--key-file', 'k'], '`token-broker credential create`'],
    [[...user, '--for', 'gcloud', '--key-file', 'k'], '`token-broker sidecar --token-file`'],
    [[...user, '--for', 'external_account', '--key-file', 'k', '--url-field', 'x'], 'go with --url-source'],
    [[...user, '--for', 'external_account', '--url-source', 'ftp://x'], 'an http or https URL'],
    [
      [...user, '--for', 'external_account', '--url-source', 'https://x', '--url-header', 'a b'],
      "'Name: value'",
    ],
    [[...user, '--for', 'external_account', '--key-file', 'k', '--scope', 'adwords'], 'not adwords'],
    [
      [...user, '--for', 'external_account', '--key-file', 'k', '--broker', 'https://x/y'],
      'must be an origin',
    ],
    [
      [...user, '--for', 'external_account', '--key-file', 'k', '--output', '-', '--print-env'],
      'needs a file',
    ],
  ])('refuses %j', async (args, what) => {
    expect(await run(...args)).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(what) });
  });

  test('refuses a credential where the library cannot read one, and options that it has already', async () => {
    const credential = ['--credential-file', credentialFile];
    const ruby = await run('--user', 'alice', '--for', 'google-ads-ruby', ...credential);
    expect(ruby).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('`token-broker sidecar` takes one'),
    });
    const client = await run('--for', 'external_account_authorized_user', '--client', 'ads', ...credential);
    expect(client).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the delegated credential has its own'),
    });
    const missing = await run('--for', 'gcloud', '--credential-file', join(folder, 'no'));
    expect(missing).toMatchObject({ code: 13, stderr: expect.not.stringContaining(CREDENTIAL) });
  });

  test('needs to know where a broker is', async () => {
    const args = ['credentials-file', '--user', 'alice', '--for', 'external_account', '--key-file', keyFile];
    const unknown = await tokenBroker(args, {}, folder);
    expect(unknown).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('neither TOKEN_BROKER_URL nor PUBLIC_URL'),
    });
    const faulty = await tokenBroker(args, { TOKEN_BROKER_URL: 'nowhere' }, folder);
    expect(faulty).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('TOKEN_BROKER_URL must be an origin'),
    });
  });
});
