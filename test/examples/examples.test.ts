/** The programs of examples/, each as a process of its own, with a browser and a broker. A language that is not here is named. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { Browser } from '../support/api.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

interface Example {
  readonly language: string;
  readonly program: string;
  readonly args: (address: string) => readonly string[];
}

const EXAMPLES: readonly Example[] = [
  { language: 'Node.js', program: process.execPath, args: () => ['examples/node/app.mjs'] },
  { language: 'Python', program: 'python3', args: () => ['examples/python/app.py'] },
  { language: 'PHP', program: 'php', args: (address) => ['-S', address, 'examples/php/app.php'] },
  { language: 'Ruby', program: 'ruby', args: () => ['examples/ruby/app.rb'] },
];

const isHere = (program: string) => spawnSync(program, ['--version']).status === 0;
const runnable = EXAMPLES.filter(({ program }) => isHere(program));
const here = fewOf(runnable);
for (const { language } of EXAMPLES.filter((example) => !runnable.includes(example)))
  console.warn(`There is no ${language} here: its example was not tried, nor its syntax checked.`);

const ports = new Map<string, number>();
const addressOf = (language: string) => `127.0.0.1:${ports.get(language) ?? 0}`;
const urlOf = (language: string) => `http://${addressOf(language)}`;

let bed: TestBed;
let pages: Awaited<ReturnType<typeof startOneByOne>>;
const processes: ChildProcess[] = [];
beforeAll(async () => {
  for (const { language } of here) ports.set(language, await freePort());
  pages = await startOneByOne(() => bed.url);
  bed = await startTestBed({ RETURN_TO_ORIGINS: here.map(({ language }) => urlOf(language)).join(',') });
  for (const { language, program, args } of here) {
    const env = { ...environment(), APP_URL: urlOf(language) };
    processes.push(spawn(program, args(addressOf(language)), { env, stdio: 'ignore' }));
  }
});
afterAll(async () => {
  for (const child of processes) child.kill();
  await pages.close();
  await bed.stop();
});

function environment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  const own = { PATH, HOME, PYTHONDONTWRITEBYTECODE: '1' };
  return { ...own, BROKER_URL: pages.url, BROKER_KEY: bed.api.key, API_URL: bed.google.url };
}

/** The broker, with one grant on each page of a list. */
async function startOneByOne(broker: () => string) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', broker());
    if (url.pathname.endsWith('/grants')) url.searchParams.set('limit', '1');
    const { method, headers } = request;
    const onward = forward(url, { method, headers }, (upstream) => {
      response.writeHead(upstream.statusCode ?? 502, upstream.headers);
      upstream.pipe(response);
    });
    request.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const LINK = /^http:\/\/127\.0\.0\.1:\d+\/connect\?ticket=/;

/** How the API answers this token. */
async function statusOf(token: unknown): Promise<number> {
  const query = 'ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views';
  const headers = { authorization: `Bearer ${String(token)}` };
  return (await fetch(`${bed.google.url}/v2/reports?${query}`, { headers })).status;
}

describe.each(here.map(({ language }) => language))('the example in %s', (language) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = new Browser();
    await until(async () => (await fetch(urlOf(language)).catch(() => null))?.ok === true);
  });

  /** Where a path of the example leads. */
  const leadsTo = async (path: string) => {
    const { status, headers } = await browser.open(`${urlOf(language)}${path}`);
    expect(status).toBe(303);
    return headers.get('location') ?? '';
  };
  const submit = async (path: string) => {
    const { status, headers } = await browser.submit(new URL(path, urlOf(language)), {});
    expect({ status, location: headers.get('location') }).toEqual({ status: 303, location: '/' });
  };
  /** @returns the token that the example has of the broker then */
  const connect = async (path: string) => {
    const back = await browser.connect(await leadsTo(path), { account: ALICE.email });
    const location = back.headers.get('location') ?? '';
    expect(location).toMatch(/\/test\?.*connect=success/);
    const report = await browser.open(location);
    expect(report.status).toBe(200);
    expect(report.body['rows']).toHaveLength(31);
    return (await bed.api.token(browser.cookies.get('user') ?? '')).body['access_token'];
  };

  test('shows its page with the four ways', async () => {
    const page = await browser.open(urlOf(language));
    expect(page.status).toBe(200);
    for (const path of ['/test', '/authorize', '/revoke', '/clear']) expect(page.text).toContain(`"${path}"`);
  });

  test('leads to Google where a token is missing, calls the API then, and revokes at Google', async () => {
    expect(await leadsTo('/test')).toMatch(LINK);
    const token = await connect('/test');
    expect(await statusOf(token)).toBe(200);
    await submit('/revoke');
    expect(await statusOf(token)).toBe(401);
    expect(await leadsTo('/test')).toMatch(LINK);
  });

  test('gets another token of the broker where Google refuses the first, once', async () => {
    await connect('/test');
    bed.google.control.failNext('reports', { named: 'invalid_credentials' });
    const report = await browser.open(`${urlOf(language)}/test`);
    expect(report.body['rows']).toHaveLength(31);
    bed.google.control.failAlways('reports', { named: 'invalid_credentials' });
    expect((await browser.open(`${urlOf(language)}/test`)).status).not.toBe(200);
    bed.google.control.clearFaults();
    await submit('/revoke');
  });

  test('ends all grants of its user, however many pages they are on', async () => {
    const user = () => bed.api.get(`/users/${browser.cookies.get('user') ?? ''}/grants`);
    for (const { email } of [ALICE, BOB])
      await browser.connect(await leadsTo('/authorize'), { account: email });
    expect((await user()).body['grants']).toHaveLength(2);
    await submit('/clear');
    expect((await user()).body['grants']).toEqual([]);
  });

  test('goes to Google at once where it is asked to, and clears at the broker only', async () => {
    const token = await connect('/authorize');
    await submit('/clear');
    expect(await statusOf(token)).toBe(200);
    expect(await leadsTo('/test')).toMatch(LINK);
  });

  test('says so when the user refused, in place of asking again', async () => {
    const choice = { account: ALICE.email, deny: true };
    const back = await browser.connect(await leadsTo('/authorize'), choice);
    const response = await browser.open(back.headers.get('location') ?? '');
    expect({ status: response.status, text: response.text }).toEqual({
      status: 200,
      text: 'The connect ended as: denied',
    });
  });

  test('knows a user by a cookie of its own making only', async () => {
    const stranger = new Browser();
    stranger.cookies.set('user', 'alice');
    await stranger.open(urlOf(language));
    expect(stranger.cookies.get('user')).toMatch(/^[0-9a-f]{32}$/);
  });
});

test('the example in PHP does without a variable that PHP 8.5 deprecates, whose message would come before its headers', () => {
  expect(readFileSync('examples/php/app.php', 'utf8')).not.toContain('$http_response_header');
});

exhaustive.describe('an example that has no port in APP_URL', () => {
  const canListen = new Promise<boolean>((done) => {
    const probe = createServer().listen(80, '127.0.0.1');
    probe.once('listening', () => {
      probe.close(() => {
        done(true);
      });
    });
    probe.once('error', () => {
      done(false);
    });
  });

  test.each(here.filter(({ language }) => language !== 'PHP'))(
    'listens at 80, in $language',
    async (example) => {
      if (!(await canListen)) {
        console.warn('The port 80 cannot be listened on here: no example was tried there.');
        return;
      }
      const env = { ...environment(), APP_URL: 'http://127.0.0.1' };
      const child = spawn(example.program, example.args(''), { env, stdio: 'ignore' });
      try {
        await until(async () => (await fetch('http://127.0.0.1/').catch(() => null))?.ok === true);
      } finally {
        child.kill();
        await once(child, 'close');
      }
    },
  );
});

describe('the example in plain HTTP', () => {
  const run = (action: string, user: string, more: Record<string, string> = {}) => {
    const args = ['examples/http/example.sh', action, user];
    // The broker is in this process, which must not wait for it.
    return promisify(execFile)('sh', args, { env: { ...environment(), ...more } }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: unknown) => error as { code: number; stdout: string },
    );
  };

  test.each([
    ['revoke', 401],
    ['clear', 200],
  ])('connects, calls the API, and ends the access by %s', async (action, after) => {
    const user = `carol${action}`;
    const refusal = await run('test', user);
    expect(refusal.code).toBe(1);
    expect(JSON.parse(refusal.stdout)).toMatchObject({ code: 'not_connected' });
    const link = (await run('authorize', user)).stdout.trim();
    expect(link).toMatch(LINK);
    await new Browser().connect(link, { account: BOB.email });
    const report = await run('test', user);
    expect(report.code).toBe(0);
    expect((JSON.parse(report.stdout) as { rows: unknown[] }).rows).toHaveLength(31);
    const { body } = await bed.api.token(user, { scope: YOUTUBE });
    expect((await run(action, user)).code).toBe(0);
    expect(await statusOf(body['access_token'])).toBe(after);
    expect((await run('test', user)).code).toBe(1);
  });

  exhaustive.test(
    'gets another token of the broker where Google refuses the first, and ends all pages of grants',
    async () => {
      for (const { email } of [ALICE, BOB])
        await new Browser().connect((await run('authorize', 'dave')).stdout.trim(), { account: email });
      expect((await run('clear', 'dave')).code).toBe(0);
      expect((await bed.api.get('/users/dave/grants')).body['grants']).toEqual([]);
      await new Browser().connect((await run('authorize', 'dave')).stdout.trim(), { account: BOB.email });
      bed.google.control.failNext('reports', { named: 'invalid_credentials' });
      const report = await run('test', 'dave');
      expect(report.code).toBe(0);
      expect((JSON.parse(report.stdout) as { rows: unknown[] }).rows).toHaveLength(31);
    },
  );

  test.each(fewOf(['test', 'authorize', 'revoke', 'clear']))(
    'says so, and fails, where %s did nothing, since the broker is down or the key is wrong',
    async (action) => {
      expect(await run(action, 'eve', { BROKER_URL: 'http://127.0.0.1:1' })).toMatchObject({
        code: 1,
        stdout: '',
      });
      const refused = await run(action, 'eve', { BROKER_KEY: 'wrong' });
      expect(refused.code).toBe(1);
      expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'unauthenticated' });
    },
  );

  test('says so, and fails, where a grant was not ended', async () => {
    const { key } = await bed.service({ disconnect: false, revoke: false });
    await new Browser().connect((await run('authorize', 'frank')).stdout.trim(), { account: BOB.email });
    const refused = await run('revoke', 'frank', { BROKER_KEY: key });
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'not_allowed' });
  });
});
