import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { type StandIn, type StandInClient, startStandIn } from '../../sandbox/google/stand-in.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { generate } from '../../src/cli/ads-credentials/generate-user-credentials.js';
import { type GivenOptions, readRequest } from '../../src/cli/ads-credentials/read-request.js';
import type { CommandResult } from '../../src/cli/shared/command-result.js';
import { toFailure, Failure } from '../../src/cli/shared/failure.js';
import { Browser } from '../support/api.js';
import { testOfOneServer } from '../support/cluster.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Choice, visitConsent } from '../support/visit-consent.js';
import { emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';
import { exhaustive } from '../support/exhaustive.js';

const COMMAND = 'generate-user-credentials';

let google: StandIn;
let bed: TestBed;
let localPort: number;
const folder = emptyFolder();

const file = (name: string) => join(folder, `${name}.json`);

function write(name: string, content: unknown): string {
  writeFileSync(file(name), typeof content === 'string' ? content : JSON.stringify(content));
  return file(name);
}

beforeAll(async () => {
  localPort = await freePort();
  const client = (clientId: string, kind: StandInClient['kind'], redirectUris: string[]) => ({
    clientId,
    clientSecret: `GOCSPX-${clientId}`,
    projectId: 'ads-project',
    kind,
    redirectUris,
  });
  const ads = client('ads', 'web', []);
  google = await startStandIn({
    clients: [
      client('desktop', 'installed', ['http://localhost']),
      client('local', 'web', ['https://a.example.com/cb', `http://localhost:${localPort}/back?from=google`]),
      client('remote', 'web', ['https://a.example.com/cb', `http://localhost.example.com:${localPort}/`]),
      ads,
    ],
    accounts: [ALICE, BOB],
  });
  for (const id of ['desktop', 'local', 'remote', 'ads']) write(id, google.clientSecretJson(id));
  bed = await startTestBed({
    GOOGLE_STAND_IN_URL: google.url,
    GOOGLE_CLIENT_SECRETS: `desktop=${file('desktop')},ads=${file('ads')}`,
  });
  ads.redirectUris.push(`${bed.url}/callback`);
});
beforeEach(() => {
  google.control.reset();
});
afterAll(async () => {
  await bed.stop();
  await google.close();
});

interface Running {
  /** Pastes a line at the prompt. */
  readonly paste: (line: string) => void;
  /** What the prompt said. */
  readonly said: readonly string[];
  /** The URL of a second visit. */
  readonly next: Promise<string>;
  readonly shown: Promise<URL>;
  readonly finished: Promise<CommandResult | Failure>;
}

/** In this process: a command takes most of a second to start. The first tests start it as a shell does. */
function begin(options: Partial<GivenOptions>, env: Record<string, string>): Running {
  const shown = Promise.withResolvers<URL>();
  shown.promise.catch(() => undefined);
  const input = new PassThrough();
  const said: string[] = [];
  const next = Promise.withResolvers<string>();
  const run = async () => {
    const show = (url: string) => {
      shown.resolve(new URL(url));
    };
    const request = readRequest({ timeout: '20', browser: false, ...options });
    const pasting = { input, say: (text: string) => said.push(text), showNext: next.resolve };
    return generate(request, { env, show, pasting });
  };
  const finished = run()
    .catch((error: unknown) => toFailure(error))
    .finally(() => {
      shown.reject(new Error('It ended without showing a URL.'));
    });
  const paste = (line: string) => void input.write(`${line}\n`);
  return { paste, said, next: next.promise, shown: shown.promise, finished };
}

/** Without a broker: nothing is set but the stand-in's address. */
const start = (name: string, options: Partial<GivenOptions> = {}) =>
  begin({ client_secrets_path: file(name), ...options }, { GOOGLE_STAND_IN_URL: google.url });

const store = (options: Partial<GivenOptions>) => begin({ store: true, ...options }, bed.settings);

/** The user's part. @returns what the command answered, and the page that the browser shows in the end */
async function go<T>(
  { shown, finished }: { readonly shown: Promise<URL>; readonly finished: Promise<T> },
  choice: Partial<Choice> = {},
) {
  const back = await visitConsent(await shown, { account: ALICE.email, ...choice });
  const page = await open(back);
  return { run: await finished, page, back };
}

async function open(url: URL) {
  const response = await fetch(url, { redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function expectFailure(run: CommandResult | Failure, exitCode: number, says: RegExp): void {
  if (!(run instanceof Failure)) throw new Error(`No failure: ${run.text}`);
  expect({ exitCode: run.exitCode, message: run.message }).toEqual({
    exitCode,
    message: expect.stringMatching(says),
  });
  expect(run.message).not.toMatch(/\n|GOCSPX|AIza/);
}

function expectSuccess(run: CommandResult | Failure): CommandResult {
  if (run instanceof Failure) throw run;
  return run;
}

describe('the desktop flow', () => {
  test('opens the browser, waits, and prints the token with its configuration', async () => {
    const bin = join(folder, 'bin');
    const opened = join(folder, 'opened');
    mkdirSync(bin);
    writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > ${opened}\n`);
    chmodSync(join(bin, 'xdg-open'), 0o755);
    const running = startTokenBroker(
      [
        ...[
          COMMAND,
          '-c',
          file('desktop'),
          '--login_hint',
          ALICE.email,
          '--login_customer_id',
          '123-456-7890',
        ],
        ...['--linked_customer_id', '0987654321', '--developer_token', 'dev_token-22'],
      ],
      { GOOGLE_STAND_IN_URL: google.url, PATH: bin },
    );
    const {
      run: { code, stdout, stderr },
      page,
      back,
    } = await go(running);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^Open the URL in a private window, [^]*manager account\.\n\nPaste this URL in your browser:\n\n {2}http.*\n\nA browser opens it .*\nWaiting/,
    );
    const url = await running.shown;
    if (process.platform === 'linux') expect(readFileSync(opened, 'utf8')).toBe(url.href);

    const asked = Object.fromEntries(url.searchParams);
    expect(asked).toMatchObject({
      access_type: 'offline',
      prompt: 'consent',
      code_challenge_method: 'S256',
      login_hint: ALICE.email,
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect(back.origin).toBe(asked['redirect_uri']);
    const [token = ''] = google.control.liveRefreshTokens(ALICE.sub, 'desktop');
    expect(stdout).toMatch(/^Your refresh token is: /);
    expect(stdout).toContain(`Your refresh token is: ${token}\n`);
    expect(stdout).toContain(
      'Add your refresh token to your client library configuration as described here:\n' +
        'https://developers.google.com/google-ads/api/docs/client-libs/python/configuration\n',
    );
    expect(parseYaml(stdout.slice(stdout.indexOf('developer_token:')))).toEqual({
      client_id: 'desktop',
      client_secret: 'GOCSPX-desktop',
      developer_token: 'dev_token-22',
      refresh_token: token,
      login_customer_id: '1234567890',
      linked_customer_id: '0987654321',
      use_proto_plus: true,
    });
    expect(stderr).not.toContain(token);

    expect(page.status).toBe(200);
    expect(page.text).toContain('<h1>Done</h1>');
    expect(page.text).toMatch(
      /refresh token has been fetched: check the console output for further instructions/,
    );
    expect(page.text).not.toContain(token);
    // The server is gone, so the page can load nothing from it.
    expect(page.text).toContain('<style>');
    expect(page.text).not.toMatch(/(href|src)="(?!data:)/);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
  });

  exhaustive.test(
    'prints the URL and the result as JSON with --json, also for more scopes, a chosen port and another format',
    async () => {
      const port = await freePort();
      const options = ['--json', '--no-browser', '--port', String(port), '--format', 'curl'];
      const running = startTokenBroker(
        [
          COMMAND,
          '--client_secrets_path',
          file('desktop'),
          ...options,
          '--additional_scopes',
          YOUTUBE,
          'profile',
        ],
        { GOOGLE_STAND_IN_URL: google.url },
      );
      const url = await running.shown;
      const redirectUri = `http://127.0.0.1:${port}`;
      expect(url.searchParams.get('redirect_uri')).toBe(redirectUri);
      // A visit without a response, and a request for another path, end nothing.
      expect(await open(new URL(redirectUri))).toMatchObject({ status: 400 });
      expect(await open(new URL('/favicon.ico', redirectUri))).toMatchObject({ status: 404 });
      const {
        run: { code, stdout, stderr },
      } = await go(running);
      expect(code).toBe(0);
      expect(JSON.parse(stderr)).toEqual({ open: url.href, timeout_seconds: 300 });
      const output = JSON.parse(stdout) as Record<string, unknown>;
      expect(output).toMatchObject({
        refresh_token: google.control.liveRefreshTokens(ALICE.sub, 'desktop')[0],
        account: { sub: ALICE.sub, email: ALICE.email },
        missing_scopes: [],
        format: 'curl',
        configuration_page: 'https://developers.google.com/google-ads/api/rest/auth',
        configuration: expect.stringMatching(/^Authorization: Bearer \S+\n$/),
      });
      expect(String(output['scope']).split(' ')).toEqual(expect.arrayContaining([ADS, YOUTUBE]));
    },
  );

  exhaustive.test('shows its page in the language of the browser', async () => {
    const texts = {
      de: 'Aktualisierungstoken wurde abgerufen',
      fr: 'jeton d’actualisation a été récupéré',
      id: 'Token refresh telah diambil',
    };
    for (const [language, text] of Object.entries(texts)) {
      const { shown, finished } = start('desktop');
      const back = await visitConsent(await shown, { account: ALICE.email });
      const page = await fetch(back, { headers: { 'accept-language': language } });
      expect(await page.text()).toContain(text);
      expectSuccess(await finished);
    }
  });

  test('names what the user does not tick, and exits with 18', async () => {
    const { run, page } = await go(start('desktop', { additional_scopes: [YOUTUBE] }), { untick: [YOUTUBE] });
    const { exitCode, text } = expectSuccess(run);
    expect(exitCode).toBe(18);
    expect(text).toContain(`were not allowed. Run the command again and tick them:\n${YOUTUBE}\n`);
    expect(page.text).toContain('Done in part');
    expect(page.text).toMatch(/refresh token has been fetched for that part: check the console output/);
  });

  exhaustive.test(
    'exits with 10, 11 or 17 after a refused consent, a response to another request, or no response',
    async () => {
      const wrong = async (change: (back: URL) => void) => {
        const running = start('desktop');
        const back = await visitConsent(await running.shown, { account: ALICE.email });
        change(back);
        const page = await open(back);
        expect(page).toMatchObject({ status: 400, text: expect.stringContaining('That did not work') });
        return running.finished;
      };
      const [refused, state, issuer, twice, silent, gone] = await Promise.all([
        go(start('desktop'), { deny: true }),
        wrong((back) => {
          back.searchParams.set('state', 'of-another');
        }),
        wrong((back) => {
          back.searchParams.set('iss', 'https://elsewhere.example.com');
        }),
        wrong((back) => {
          back.searchParams.append('code', 'one-more');
        }),
        wrong((back) => {
          back.searchParams.delete('state');
        }),
        start('desktop', { timeout: '1' }).finished,
      ]);
      expectFailure(refused.run, 10, /^The consent was refused on Google's page\. Run .* again/);
      expect(refused.page.text).toContain('Not allowed');
      for (const run of [state, issuer, twice, silent]) expectFailure(run, 11, /its state is wrong\..*Run/);
      expectFailure(gone, 17, /did not come back within 1 seconds\. Run .* longer --timeout/);
      expect(google.control.count('token', 'authorization_code')).toBe(0);
      expect(google.control.liveRefreshTokens(ALICE.sub)).toEqual([]);
    },
  );

  test('reports a code that Google rejects, and a response that is lost', async () => {
    const change = async (fault: () => void) => {
      const running = start('desktop');
      await running.shown;
      fault();
      return go(running);
    };
    const rejected = await change(() => {
      google.control.failNext('token', { status: 400, body: { error: 'invalid_grant' } });
    });
    expectFailure(rejected.run, 3, /did not accept the code.*invalid_grant.* again/);
    const lost = await change(() => {
      google.control.failNext('token', { status: 503, body: 'unwell' });
    });
    expectFailure(lost.run, 69, /no usable response.* \(http_503\)/);
  });
});

describe('a machine without a browser', () => {
  test('takes the address at which a browser elsewhere ends, with whatever is pasted around it', async () => {
    const { paste, said, shown, finished } = start('desktop');
    const back = await visitConsent(await shown, { account: ALICE.email });
    expect(said).toEqual([expect.stringContaining(back.origin)]);
    // A wrong line ends nothing.
    const wrong = ['', 'y', 'https://accounts.google.com/?state=x', back.origin, `${back.origin}/?code=x`];
    for (const line of wrong) paste(line);
    await until(() => said.length === 5);
    for (const line of said.slice(1)) expect(line).toMatch(/^That is not the address\./);
    paste(`\ufeff  ${back.href}\r`);
    expect(expectSuccess(await finished).json).toMatchObject({ account: { email: ALICE.email } });
  });

  test('takes an address without its scheme, as some browsers show it', async () => {
    const { paste, shown, finished } = start('desktop');
    paste((await visitConsent(await shown, { account: ALICE.email })).href.replace('http://', ''));
    expect(expectSuccess(await finished).exitCode).toBeUndefined();
  });

  test('checks a pasted address as it checks a browser that comes back', async () => {
    const run = async (choice: Partial<Choice>, change: (back: URL) => void) => {
      const { paste, shown, finished } = start('desktop');
      const back = await visitConsent(await shown, { account: ALICE.email, ...choice });
      change(back);
      paste(back.href);
      return finished;
    };
    const [state, denied] = await Promise.all([
      run({}, (back) => {
        back.searchParams.set('state', 'of-another');
      }),
      run({ deny: true }, () => undefined),
    ]);
    expectFailure(state, 11, /its state is wrong/);
    expectFailure(denied, 10, /consent was refused/);
    expect(google.control.count('token', 'authorization_code')).toBe(0);
  });

  exhaustive.test('stores a grant that way too', async () => {
    const { paste, shown, finished } = store({ user: 'paula', client: 'desktop' });
    paste((await visitConsent(await shown, { account: ALICE.email })).href);
    expect(expectSuccess(await finished).json).toMatchObject({
      user_id: 'paula',
      account: { email: ALICE.email },
    });
  });

  exhaustive.test('ends when it is done, though its standard input stays open', async () => {
    const running = startTokenBroker(
      [COMMAND, '-c', file('desktop'), '--no-browser', '--paste'],
      { GOOGLE_STAND_IN_URL: google.url },
      emptyFolder(),
      null,
    );
    const back = await visitConsent(await running.shown, { account: ALICE.email });
    running.type(`${back.href}\n`);
    const { code, stderr } = await running.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('paste it here:') });
  });
});

describe('standard input', () => {
  const line = (options: readonly string[]) =>
    [process.execPath, resolve('dist/bundle/cli/main.js'), COMMAND, '-c', file('desktop'), ...options].join(
      ' ',
    );
  const env = () => ({ GOOGLE_STAND_IN_URL: google.url, PATH: process.env['PATH'], TERM: 'dumb', PS1: '' });

  exhaustive.test('is left to the rest of a script', async () => {
    const child = spawn('sh', ['-c', `${line(['--no-browser', '--timeout', '1'])}; cat`], {
      cwd: folder,
      env: env(),
    });
    child.stdin.end('the next line\n');
    const [stdout, stderr] = await Promise.all([child.stdout, child.stderr].map(textOf));
    expect(stderr).toMatch(/did not come back within 1 seconds/);
    expect(stderr).not.toContain('paste it here');
    expect(stdout).toBe('the next line\n');
  });

  /** Of util-linux: gives a command a terminal. */
  const onTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
  if (!onTerminal) console.warn('There is no script of util-linux here: no prompt on a terminal was tried.');
  const describeOnTerminal = onTerminal ? exhaustive.describe : describe.skip;

  describeOnTerminal('that is a terminal', () => {
    /** Runs a line of a shell with job control, and types a line once the URL is there. */
    const run = async (command: string, typed: (back: URL) => string) => {
      const child = spawn('script', ['-qec', `sh -mc '${command}'`, '/dev/null'], {
        cwd: folder,
        env: env(),
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const ended = once(child, 'close');
      await until(() => /"timeout_seconds"/.test(output));
      const back = await visitConsent(/"open":"([^"]+)"/.exec(output)?.[1] ?? '', { account: ALICE.email });
      child.stdin.write(`${typed(back)}\n`);
      return { back, ended, output: () => output };
    };

    test('takes the address in the foreground', async () => {
      const { ended, output } = await run(line(['--json']), ({ href }) => href);
      expect(await ended).toEqual([0, null]);
      expect(output()).toContain('"refresh_token"');
    });

    test('is not read by a background job, which it would stop', async () => {
      const command = `${line(['--json'])} & read typed; echo "typed $typed"; wait`;
      const { back, ended, output } = await run(command, () => 'meant for the shell');
      await until(() => output().includes('typed meant for the shell'));
      expect(await open(back)).toMatchObject({ status: 200 });
      expect(await ended).toEqual([0, null]);
      expect(output()).toContain('"refresh_token"');
    });
  });
});

describe('--login_hint', () => {
  test('refuses another account, and shows no token of it', async () => {
    const { run, page } = await go(start('desktop', { login_hint: ALICE.email }), { account: BOB.email });
    expectFailure(
      run,
      19,
      new RegExp(`signed in as ${BOB.email}, and --login_hint names ${ALICE.email}.*private window`),
    );
    expect(page).toMatchObject({ status: 400, text: expect.stringContaining(BOB.email) });
    const [token = '?'] = google.control.liveRefreshTokens(BOB.sub, 'desktop');
    expect(page.text).not.toContain(token);
  });

  test('takes the account in another case, and by its id', async () => {
    const [byCase, bySub] = await Promise.all([
      go(start('desktop', { login_hint: ALICE.email.toUpperCase() })),
      go(start('desktop', { login_hint: ALICE.sub })),
    ]);
    for (const { run } of [byCase, bySub]) expect(expectSuccess(run).exitCode).toBeUndefined();
  });

  test('stores nothing of another account', async () => {
    const running = store({ user: 'hilda', client: 'desktop', login_hint: ALICE.email });
    const { run } = await go(running, { account: BOB.email });
    expectFailure(run, 19, /^Nothing was stored \(wrong_account\)/);
    expect(await bed.sql("SELECT id FROM grants WHERE user_id = 'hilda'")).toEqual([]);
  });
});

describe('the web flow', () => {
  test('listens at exactly the address of this machine that the client lists', async () => {
    const running = start('local');
    const { run, back, page } = await go(running);
    expect({ code: expectSuccess(run).exitCode, status: page.status }).toEqual({
      code: undefined,
      status: 200,
    });
    const uri = `http://localhost:${localPort}/back?from=google`;
    expect((await running.shown).searchParams.get('redirect_uri')).toBe(uri);
    expect(back.href).toContain(`${uri}&`);
  });

  test('says which address to add where the client lists none, and exits with 16', async () => {
    const [none, otherPort] = await Promise.all([
      start('remote').finished,
      start('local', { port: '4711' }).finished,
    ]);
    expectFailure(
      none,
      16,
      /Add http:\/\/127\.0\.0\.1:8080 to its authorized redirect URIs.* and to the list in its JSON.*--store/,
    );
    expectFailure(otherPort, 16, /with the port 4711 .*Add http:\/\/127\.0\.0\.1:4711 /);
  });
});

describe('a run that fails before the user is involved', () => {
  const KINDS: readonly (readonly [string, unknown, RegExp])[] = [
    ['account', { type: 'service_account', project_id: 'p' }, /is the key of a service account/],
    ['user', { type: 'authorized_user', client_id: 'x' }, /credentials of a user who consented already/],
    ['key', `AIza${'x'.repeat(35)}\n`, /is an API key/],
    ['keyJson', { keyString: `AIza${'x'.repeat(35)}` }, /is an API key/],
    ['nothing', { hello: 1 }, /neither "web" nor "installed"/],
    ['list', [], /neither "web" nor "installed"/],
  ];

  test.each(KINDS)('exits with 15 for a JSON of the wrong kind (%s)', async (name, content, says) => {
    write(name, content);
    const run = await start(name).finished;
    expectFailure(run, 15, says);
    expectFailure(run, 15, /Download the JSON of an OAuth client/);
  });

  test('exits with 13 or 14 for a missing, a broken or an incomplete JSON', async () => {
    write('broken', '{"installed": {"client_secret": "GOCSPX-half');
    write('incomplete', { installed: { client_secret: 'GOCSPX-x' } });
    write('secretless', { installed: { client_id: 'x' } });
    const [missing, broken, incomplete, secretless] = await Promise.all([
      start('nowhere').finished,
      start('broken').finished,
      start('incomplete').finished,
      start('secretless').finished,
    ]);
    expectFailure(missing, 13, /nowhere\.json cannot be read \(ENOENT\)\..*Download/);
    expectFailure(broken, 14, /broken\.json is not JSON\. Put back.* Add a new secret.* once\.$/);
    expectFailure(incomplete, 14, /incomplete\.json lacks client_id\. Put back.* Add a new secret/);
    expectFailure(secretless, 14, /secretless\.json lacks client_secret: Add a new secret.* once\.$/);
  });

  test('exits with 12, 69 or 3 for a port in use, no network, or a client that Google refuses', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => squatter.once('listening', done));
    const { port } = squatter.address() as AddressInfo;
    write('stranger', { installed: { client_id: 'stranger', client_secret: 'GOCSPX-stranger' } });
    const [inUse, offline, refused] = await Promise.all([
      start('desktop', { port: String(port) }).finished,
      begin(
        { client_secrets_path: file('desktop') },
        { GOOGLE_STAND_IN_URL: `http://127.0.0.1:${await freePort()}` },
      ).finished,
      start('stranger').finished,
    ]);
    squatter.close();
    expectFailure(inUse, 12, new RegExp(`port ${port} is in use .*--port`));
    expectFailure(offline, 69, /cannot be reached from here\. Check the network/);
    expectFailure(refused, 3, /refuses the client stranger .*GOOGLE_STAND_IN_URL/);
  });

  test('says where the client of the trial mode is known, and does not send it to Google', async () => {
    const client_id = 'trial-desktop.apps.googleusercontent.com';
    write('trial', { installed: { client_id, client_secret: 'GOCSPX-trial' } });
    const run = await begin({ client_secrets_path: file('trial') }, {}).finished;
    expectFailure(run, 3, /is a client of the trial mode.* GOOGLE_STAND_IN_URL=http:/);
  });

  test.each<[Partial<GivenOptions>, string]>([
    [{}, '--client_secrets_path is needed without --store'],
    [{ client_secrets_path: 'x', user: 'alice' }, '--user and --client go with --store'],
    [{ store: true }, '--store needs --user'],
    [{ store: true, user: 'a\u0007b' }, '--user must be 1 to 255 characters'],
    [{ store: true, user: 'alice', format: 'php' }, 'go without --store'],
    [{ store: true, user: 'alice', developer_token: 'x' }, 'go without --store'],
    [{ store: true, user: 'alice', client: 'ads', client_secrets_path: 'x' }, 'both name a client'],
    [{ client_secrets_path: 'x', port: '65536' }, '--port takes a whole number from 1 to 65535'],
    [{ client_secrets_path: 'x', timeout: '0.5' }, '--timeout takes a whole number'],
    [{ client_secrets_path: 'x', additional_scopes: ['youtube'] }, 'not youtube'],
    [{ client_secrets_path: 'x', login_hint: 'alice' }, '--login_hint takes an email address'],
    [{ store: true, user: 'alice', login_hint: '@example.com' }, '--login_hint takes an email address'],
  ])('exits with 2 for the wrong usage %j', async (options, says) => {
    expect(await begin(options, {}).finished).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(says),
    });
  });

  test('shows a shell its exit code and one line, and nothing on standard output', async () => {
    const [missing, usage] = await Promise.all([
      tokenBroker([COMMAND, '-c', '/nowhere.json']),
      tokenBroker([COMMAND, '-c', 'x', '--login_customer_id', '12-34']),
    ]);
    expect(missing).toEqual({
      code: 13,
      stdout: '',
      stderr: expect.stringMatching(/^\/nowhere\.json cannot be read .*\n$/),
    });
    expect(usage).toMatchObject({ code: 2, stderr: expect.stringContaining('a customer id of ten digits') });
  });
});

describe('--store', () => {
  test('puts the grant of a desktop client into the broker, books and audits it, and shows no token', async () => {
    const { run, page } = await go(store({ user: 'dora', client: 'desktop' }));
    const { text, json, exitCode } = expectSuccess(run);
    expect(exitCode).toBeUndefined();
    const [token = '?'] = google.control.liveRefreshTokens(ALICE.sub, 'desktop');
    expect(text + JSON.stringify(json) + page.text).not.toContain(token);
    expect(json).toMatchObject({ user_id: 'dora', client: 'desktop', missing_scopes: [], notes: [] });
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining('<h1>Connected</h1>') });

    const issued = await bed.api.token('dora', { client: 'desktop', scope: ADS });
    expect(issued).toMatchObject({ status: 200, body: { account: { email: ALICE.email } } });
    const { grant_id: grantId } = json as { grant_id: string };
    expect(await bed.sql('SELECT client FROM refresh_tokens WHERE grant_id = $1', [grantId])).toEqual([
      { client: 'desktop' },
    ]);
    expect(
      await bed.sql('SELECT action, outcome, actor FROM audit_trail WHERE grant_id = $1', [grantId]),
    ).toContainEqual({ action: 'connect.consent', outcome: 'ok', actor: 'operator' });

    // The second time, no consent is needed. The client may also be named by its file.
    const again = store({ user: 'dora', client_secrets_path: file('desktop') });
    expect(expectSuccess(await again.finished).text).toContain('holds all of this');
    await expect(again.shown).rejects.toThrow();
  });

  exhaustive.test(
    'checks slots for a desktop client as /connect does, with a sign-in first where one is full',
    async () => {
      // The grant above filled Alice's one slot, and it is not known yet which account this will be.
      const asBob = async (user: string) => {
        const running = begin({ store: true, user, client: 'desktop' }, { ...bed.settings, SLOT_LIMIT: '1' });
        const back = await open(await visitConsent(await running.shown, { account: BOB.email }));
        return { running, back };
      };
      const emil = await asBob('emil');
      expect(emil.back.status).toBe(303);
      await open(await visitConsent(emil.back.headers.get('location') ?? '', { account: BOB.email }));
      const { text } = expectSuccess(await emil.running.finished);
      expect(text).toContain('Careful: this account holds 1 of the 1 refresh tokens');

      const pia = begin(
        { store: true, user: 'pia', client: 'desktop' },
        { ...bed.settings, SLOT_LIMIT: '2' },
      );
      pia.paste((await visitConsent(await pia.shown, { account: BOB.email })).href);
      pia.paste((await visitConsent(await pia.next, { account: BOB.email })).href);
      expect(expectSuccess(await pia.finished).json).toMatchObject({
        user_id: 'pia',
        account: { email: BOB.email },
      });

      const greta = await asBob('greta');
      expect(greta.back).toMatchObject({ status: 200, text: expect.stringContaining('That did not work') });
      expectFailure(await greta.running.finished, 3, /^Nothing was stored \(slots_full\)/);
      expect(await bed.sql("SELECT id FROM grants WHERE user_id = 'greta'")).toEqual([]);
    },
  );

  exhaustive.test('shows the URL of a second visit as JSON, as that of the first', async () => {
    // Of one more scope: which account it will be is not known before a sign-in.
    const as = ['--user', 'pepe', '--client', 'desktop'];
    await go(store({ user: 'pepe', client: 'desktop' }), { account: BOB.email });
    const running = startTokenBroker(
      [COMMAND, '--store', ...as, '--additional_scopes', YOUTUBE, '--no-browser', '--paste', '--json'],
      bed.settings,
      emptyFolder(),
      null,
    );
    const urls = () =>
      running
        .printed()
        .stderr.split('\n')
        .filter((text) => text.startsWith('{'))
        .map((text) => (JSON.parse(text) as { open: string }).open);
    await running.shown;
    for (const visit of [1, 2]) {
      await until(() => urls().length === visit);
      const back = await visitConsent(urls().at(-1) ?? '', { account: BOB.email });
      running.type(`${back.href}\n`);
    }
    const { code, stdout } = await running.finished;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ user_id: 'pepe', account: { email: BOB.email } });
  });

  exhaustive.test(
    'stores nothing for a desktop client of a refused consent or of a wrong state',
    async () => {
      const wrong = store({ user: 'unknown', client: 'desktop' });
      const refused = store({ user: 'unknown', client: 'desktop' });
      const back = new URL((await wrong.shown).searchParams.get('redirect_uri') ?? '');
      back.search = 'state=of-another&code=x';
      await open(back);
      expectFailure(await wrong.finished, 11, /its state is wrong/);
      expectFailure((await go(refused, { deny: true })).run, 10, /The consent was refused/);
      expect(await bed.sql("SELECT id FROM grants WHERE user_id = 'unknown'")).toEqual([]);
    },
  );

  test("uses the broker's own link for a web client, and waits until the grant exists", async () => {
    const running = store({ user: 'wera', client: 'ads', login_hint: BOB.email });
    const link = await running.shown;
    expect(link.href).toContain(`${bed.url}/connect?ticket=`);
    const page = await new Browser().connect(link.href, { account: BOB.email });
    expect(page.text).toContain('<h1>Connected</h1>');
    expect(expectSuccess(await running.finished).text).toMatch(
      /^The broker may now use bob@gmail\.test for the user wera \(client ads\), grant \S+\.\nNo token was shown/,
    );
    expect((await bed.api.token('wera', { client: 'ads' })).status).toBe(200);

    const refused = store({ user: 'willi', client: 'ads' });
    await new Browser().connect((await refused.shown).href, { account: BOB.email, deny: true });
    expectFailure(await refused.finished, 10, /The consent was refused/);
  });

  test('waits for the consent of a web client where Google ended the grant that the broker holds', async () => {
    const first = store({ user: 'ulla', client: 'ads' });
    await new Browser().connect((await first.shown).href, { account: BOB.email });
    const { grant_id: grantId } = expectSuccess(await first.finished).json as { grant_id: string };
    google.control.revokeByUser(BOB.sub, 'ads-project');

    const again = store({ user: 'ulla', client: 'ads' });
    const link = await again.shown;
    const isRefreshAudited = async () =>
      (await bed.sql("SELECT 1 FROM audit_trail WHERE grant_id = $1 AND outcome = 'grant_dead'", [grantId]))
        .length > 0;
    await until(isRefreshAudited);
    // Longer than it takes to look at the trail again.
    const ended = again.finished.then(() => 'ended');
    expect(await Promise.race([ended, pause(1500, 'waits')])).toBe('waits');
    await new Browser().connect(link.href, { account: BOB.email });
    expect(expectSuccess(await again.finished).text).toMatch(/^The broker may now use bob@gmail\.test/);
    expect((await bed.api.token('ulla', { client: 'ads' })).status).toBe(200);
  });

  // On a cluster, a trigger of one shard changes no other table.
  testOfOneServer.each([
    [
      'suspended',
      `status = 'suspended', diagnosis = '{"detail": "Google disabled the account."}'`,
      /^The grant \S+ is stored, but .* suspended\. Google disabled the account\.$/,
    ],
    [
      'being revoked',
      "status = 'suspended', revoking_from = 'active', revocation_id = gen_random_uuid()",
      /^The grant \S+ is stored, but .* revoking\. .*Connect again afterwards/,
    ],
  ])(
    'does not report a grant as usable that is %s by the time its consent is seen',
    async (_, change, says) => {
      await bed.sql(`
        CREATE FUNCTION change_grant() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE grants SET ${change} WHERE id::text = NEW.grant_id;
          RETURN NEW;
        END $$;
        CREATE TRIGGER change_grant BEFORE INSERT ON audit_trail
          FOR EACH ROW WHEN (NEW.user_id = 'viola') EXECUTE FUNCTION change_grant()`);
      try {
        const running = store({ user: 'viola', client: 'ads' });
        await new Browser().connect((await running.shown).href, { account: BOB.email });
        expectFailure(await running.finished, 3, says);
      } finally {
        await bed.sql('DROP FUNCTION change_grant CASCADE');
        await bed.sql("DELETE FROM grants WHERE user_id = 'viola'");
      }
    },
  );

  test('exits with 4 for a client that the broker does not serve, and with 78 for a faulty configuration', async () => {
    const [unknown, byFile, faulty] = await Promise.all([
      store({ user: 'alice', client: 'nowhere' }).finished,
      store({ user: 'alice', client_secrets_path: file('local') }).finished,
      begin({ store: true, user: 'alice' }, {}).finished,
    ]);
    expectFailure(unknown, 4, /does not serve the client nowhere.*GOOGLE_CLIENT_SECRETS.*desktop, ads/);
    expectFailure(byFile, 4, /does not serve the client local/);
    expect(faulty).toMatchObject({
      exitCode: 78,
      faults: expect.arrayContaining(['DATABASE_URL is not set']),
    });
  });
});
