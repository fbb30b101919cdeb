/** `client-config` where a broker is: the library's own file without a refresh token, and the file with the credentials. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { tokenByFile } from '../support/default-credentials.js';
import { LINK, RECONNECT, TokenEndpoint } from '../support/broker-stand-in.js';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';

const ADWORDS = 'https://www.googleapis.com/auth/adwords';

let broker: TokenEndpoint;
let folder: string;
let keyFile: string;
let env: Record<string, string>;
beforeAll(async () => {
  broker = await TokenEndpoint.start();
  env = { PUBLIC_URL: broker.url };
});
beforeEach(() => {
  folder = emptyFolder();
  keyFile = join(folder, 'reports.key');
  writeFileSync(keyFile, 'tbk_aaaaaaaaaaaa_secret\n');
  broker.requests.length = 0;
  broker.respond = () => broker.token();
});
afterAll(() => broker.stop());

const run = (...args: string[]) => tokenBroker(['client-config', ...args], env, folder);
const proof = () => ['--user', 'alice', '--key-file', keyFile, '--login_customer_id', '123-456-7890'];

describe('token-broker client-config where a broker is configured', () => {
  test.each([
    [
      'python',
      'google-ads.yaml',
      'login_customer_id: "1234567890"\nuse_application_default_credentials: true\nuse_proto_plus: true\n',
    ],
    [
      'java',
      'ads.properties',
      'api.googleads.useApplicationDefaultCredentials=true\napi.googleads.loginCustomerId=1234567890\n',
    ],
    ['php', 'google_ads_php.ini', '[GOOGLE_ADS]\nloginCustomerId = "1234567890"\n\n[OAUTH2]\n'],
    [
      'ruby',
      'google_ads_config.rb',
      "# encoding: utf-8\nGoogle::Ads::GoogleAds::Config.new do |c|\n  c.login_customer_id = '1234567890'\n" +
        "  c.use_application_default_credentials = true\n  c.log_level = 'WARN'\n  c.log_target = STDERR\nend\n",
    ],
    [
      'csharp',
      'App.config',
      expect.stringContaining(
        '    <add key="UseApplicationDefaultCredentials" value="true" />\n    <add key="LoginCustomerId" value="1234567890" />\n',
      ),
    ],
    [
      'csharp-code',
      'GoogleAdsSettings.cs',
      expect.stringContaining(
        '        UseApplicationDefaultCredentials = true,\n        LoginCustomerId = "1234567890"\n    };\n',
      ),
    ],
  ])('writes for %s its own file, and the one with the credentials', async (format, name, content) => {
    const { code, stdout } = await run('--format', format, ...proof());
    expect(code).toBe(0);
    const credentials = join(folder, 'google-credentials.json');
    expect(stdout).toContain(`export GOOGLE_APPLICATION_CREDENTIALS=${credentials}`);
    expect(readFileSync(join(folder, name), 'utf8')).toEqual(content);
    expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(/refresh|client_?(id|secret)/i);
    expect(JSON.parse(readFileSync(credentials, 'utf8'))).toMatchObject({
      type: 'external_account',
      audience: `${broker.url}/users/alice`,
    });
    for (const each of [name, credentials])
      expect(statSync(join(each === name ? folder : '', each)).mode & 0o777).toBe(0o600);
    const token = tokenByFile(credentials, [ADWORDS]);
    expect(await token).toBe(broker.newest);
    expect(broker.requests.at(-1)?.form).toMatchObject({ scope: ADWORDS });
  });

  test('warns for Java, which refuses plain http', async () => {
    const { stdout } = await run('--format', 'java', ...proof());
    expect(stdout).toContain('refuses a token_url without https');
  });

  test.each([
    ['perl', 'googleads.properties', /^accessToken=(\S+)\nloginCustomerId=1234567890\n$/],
    ['curl', 'google-ads-headers.txt', /^Authorization: Bearer (\S+)\nlogin-customer-id: 1234567890\n$/],
  ])('writes for %s an access token, which it takes in place of a file', async (format, name, content) => {
    const { code, stdout } = await run('--format', format, ...proof());
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('an access token for 59 minutes'),
    });
    expect(content.exec(readFileSync(join(folder, name), 'utf8'))?.[1]).toBe(broker.newest);
    expect(broker.requests.at(-1)?.form).toMatchObject({ scope: ADWORDS });
  });

  test('shows the link when the user must connect again, and says when no broker answers', async () => {
    broker.respond = () => RECONNECT;
    const refused = await run('--format', 'curl', ...proof());
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining(LINK) });
    const offline = ['client-config', '--format', 'perl', ...proof()];
    const failed = await tokenBroker(offline, { PUBLIC_URL: 'http://127.0.0.1:9' }, folder);
    expect(failed).toMatchObject({ code: 69, stderr: expect.stringContaining('cannot be reached') });
    expect(existsSync(join(folder, 'google-ads-headers.txt'))).toBe(false);
  });

  test('writes both files or none', async () => {
    const file = join(folder, 'google-ads.yaml');
    writeFileSync(file, 'kept');
    const { code, stderr } = await run('--format', 'python', ...proof());
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining(`${file} exists already`) });
    expect(existsSync(join(folder, 'google-credentials.json'))).toBe(false);
    expect((await run('--format', 'python', ...proof(), '--force')).code).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toBe('kept');
  });

  test('prints its own file and writes the credentials where --credentials-output names a file, and else says so', async () => {
    const args = ['--format', 'python', ...proof(), '--output', '-'];
    const content =
      'login_customer_id: "1234567890"\nuse_application_default_credentials: true\nuse_proto_plus: true\n';
    expect(await run(...args)).toEqual({
      code: 0,
      stdout: content,
      stderr: expect.stringContaining('No file with the credentials was written'),
    });
    expect(existsSync(join(folder, 'google-credentials.json'))).toBe(false);

    const credentials = join(folder, 'alice.json');
    expect(await run(...args, '--credentials-output', credentials)).toEqual({
      code: 0,
      stdout: content,
      stderr: expect.stringContaining(`export GOOGLE_APPLICATION_CREDENTIALS=${credentials}`),
    });
    expect(await tokenByFile(credentials, [ADWORDS])).toBe(broker.newest);
    expect((await run(...args, '--credentials-output', credentials)).code).toBe(3);
  });

  test('writes a refresh token only with --no-through-broker', async () => {
    const token = join(folder, 'token.txt');
    writeFileSync(token, '1//refresh');
    const client = join(folder, 'client.json');
    writeFileSync(
      client,
      JSON.stringify({ installed: { client_id: 'desk', client_secret: 's', project_id: 'p' } }),
    );
    const own = ['--format', 'python', '-c', client, '--refresh_token_file', token, '--output', '-'];
    const refused = await run(...own);
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--no-through-broker'),
    });
    const allowed = await run(...own, '--no-through-broker');
    expect(allowed).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('refresh_token: "1//refresh"'),
    });
    // Without a broker, as ever; and one that is named in the command is one.
    const without = await tokenBroker(['client-config', ...own], {}, folder);
    expect(without.stdout).toBe(allowed.stdout);
    const named = [
      'client-config',
      '--format',
      'python',
      ...proof(),
      '--broker',
      broker.url,
      '--output',
      '-',
    ];
    expect((await asJson(named)).output).toMatchObject({
      content: expect.stringContaining('use_application_default_credentials: true'),
    });
  });
});
