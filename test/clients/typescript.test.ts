/** The client for Node.js: against a broker, with Google's own library, and as the package that is published. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { youtubeAnalytics } from 'googleapis/build/src/apis/youtubeAnalytics/index.js';
import { publint } from 'publint';
import {
  TokenBroker,
  type TokenBrokerError,
  type WebhookEvent,
} from '../../clients/typescript/src/token-broker.js';
import { Secret } from '../../src/domain/secret.js';
import type { EventType } from '../../src/domain/webhook/webhook.js';
import { signMessage } from '../../src/webhooks/send-event.js';
import { Browser } from '../support/api.js';
import { exhaustive } from '../support/exhaustive.js';
import { type ScriptedProxy, scriptedProblem, startScriptedProxy } from '../support/scripted-proxy.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const run = promisify(execFile);

let receiver: Receiver;
let bed: TestBed;
let proxy: ScriptedProxy;
let broker: TokenBroker;

beforeAll(async () => {
  receiver = await startReceiver(() => new Date());
  bed = await startTestBed();
  await bed.webhook({ url: receiver.url, secret: receiver.secret });
  proxy = await startScriptedProxy(bed.url);
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
});
beforeEach(() => {
  proxy.clear();
  bed.google.control.clearFaults();
  broker = new TokenBroker({ url: `${proxy.url}/`, key: `${bed.api.key}\n` });
});
afterAll(async () => {
  await bed.stop();
  await proxy.close();
  await receiver.close();
});

const failure = async (call: Promise<unknown>): Promise<TokenBrokerError> =>
  call.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error as TokenBrokerError,
  );

describe('a token', () => {
  test('is fetched once for all who ask at the same time, and cached', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => broker.token('alice', { scope: [YOUTUBE] })),
    );
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(await broker.token('alice', { scope: YOUTUBE })).toBe(tokens[0]);
    expect(proxy.calls).toHaveLength(1);
    expect(tokens[0]).toMatchObject({
      accessToken: expect.stringContaining('ya29.'),
      tokenId: expect.stringMatching(/^[0-9a-f]{16}$/),
      account: { sub: ALICE.sub, email: ALICE.email },
      client: 'default',
      scopes: expect.arrayContaining([YOUTUBE]),
    });
    expect(tokens[0]?.expiresAt.getTime()).toBeGreaterThan(Date.now() + 300_000);
  });

  test('is fetched again for other scopes, another client or another account', async () => {
    await broker.token('alice');
    await broker.token('alice', { client: 'default' });
    await broker.token('alice', { account: ALICE.email });
    await broker.token('alice', { scope: YOUTUBE });
    expect(proxy.calls).toHaveLength(4);
  });

  test('is fetched again where it does not live long enough', async () => {
    await broker.token('alice', { minTtl: 3000 });
    await broker.token('alice', { minTtl: 3000 });
    expect(proxy.calls).toEqual(['/tokens/alice?min_ttl=3000']);
    bed.google.control.overrideTokenResponse({ expires_in: 400 }, 1);
    await bed.api.connect({ user_id: 'short', scope: YOUTUBE }, { account: ALICE.email });
    await broker.token('short');
    await broker.token('short', { minTtl: 1000 });
    expect(proxy.calls.slice(1)).toEqual(['/tokens/short', '/tokens/short?min_ttl=1000']);
  });

  describe('on a machine whose clock changes', () => {
    afterEach(() => {
      jest.restoreAllMocks();
    });
    /** The broker of these tests runs on the same clocks, so it is asked before they change. */
    const callsAfter = async (shifts: { readonly wallMs: number; readonly monotonicMs: number }) => {
      const answer = JSON.stringify((await bed.api.token('alice')).body);
      const headers = { 'content-type': 'application/json' };
      const stub = jest.fn(() => Promise.resolve(new Response(answer, { headers })));
      const client = new TokenBroker({ url: bed.url, key: bed.api.key, fetch: stub });
      await client.token('alice');
      const [wall, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
      jest.spyOn(Date, 'now').mockImplementation(() => wall() + shifts.wallMs);
      jest.spyOn(performance, 'now').mockImplementation(() => monotonic() + shifts.monotonicMs);
      await client.token('alice');
      return stub.mock.calls.length;
    };

    test('is fetched again after a sleep, in which the monotonic clock stood still', async () => {
      expect(await callsAfter({ wallMs: 3_600_000, monotonicMs: 0 })).toBe(2);
    });

    test('lives no longer where the wall clock is set back', async () => {
      expect(await callsAfter({ wallMs: -86_400_000, monotonicMs: 3_600_000 })).toBe(2);
      jest.restoreAllMocks();
      expect(await callsAfter({ wallMs: -86_400_000, monotonicMs: 0 })).toBe(1);
    });
  });

  test('that a slow answer brings does not replace that of a later call', async () => {
    await bed.api.connect({ user_id: 'slow', scope: YOUTUBE }, { account: BOB.email });
    const [answered, released] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
    let calls = 0;
    const slow = new TokenBroker({
      url: bed.url,
      key: bed.api.key,
      fetch: async (...request: Parameters<typeof fetch>) => {
        const isFirst = calls++ === 0;
        const response = await fetch(...request);
        if (!isFirst) return response;
        answered.resolve(null);
        await released.promise;
        return response;
      },
    });
    const first = slow.token('slow');
    await answered.promise;
    const { tokenId } = await broker.token('slow');
    const next = await slow.token('slow', { refused: tokenId });
    released.resolve(null);
    expect(await first).toMatchObject({ tokenId });
    expect(await slow.token('slow')).toBe(next);
  });

  test('that Google refused is replaced once for all who say so', async () => {
    const held = await broker.token('alice');
    const others = await Promise.all(
      Array.from({ length: 10 }, () => broker.token('alice', { refused: held.tokenId })),
    );
    expect(new Set(others.map(({ tokenId }) => tokenId)).size).toBe(1);
    expect(others[0]?.tokenId).not.toBe(held.tokenId);
    expect(await broker.token('alice')).toBe(others[0]);
    expect(proxy.calls).toEqual(['/tokens/alice', `/tokens/alice?refused=${held.tokenId}`]);
  });

  test('is asked for with the JWT of that moment', async () => {
    const jwts: string[] = [];
    const workload = new TokenBroker({
      url: proxy.url,
      jwt: () => {
        jwts.push('asked');
        return Promise.resolve(bed.api.key);
      },
    });
    await workload.token('alice');
    await workload.token('alice', { client: 'default' });
    expect(jwts).toHaveLength(2);
  });

  test.each(['a/b', 'müller', 'auth0|5f7c', '?', 'a b'])(
    'of the user %j is asked for under that id',
    async (user) => {
      const { problem } = await failure(broker.token(user));
      expect(problem?.code).toBe('not_connected');
      expect(proxy.calls).toEqual([`/tokens/${encodeURIComponent(user)}`]);
    },
  );

  test.each(['.', '..'])(
    'of the user %j is refused, because fetch would ask for another path',
    async (user) => {
      await expect(broker.token(user)).rejects.toThrow(TypeError);
      expect(proxy.calls).toEqual([]);
    },
  );
});

describe('a refusal', () => {
  test('has its code, and the link where the user can resolve it', async () => {
    const missing = await failure(
      broker.token('alice', { scope: ADS, returnTo: 'https://app.example.com/' }),
    );
    expect(missing).toMatchObject({ name: 'TokenBrokerError', code: 'insufficient_scope', retryAfter: null });
    expect(missing.problem?.missing_scopes).toEqual([ADS]);
    expect(missing.connectUrl).toContain(`${bed.url}/connect?ticket=`);
    const unconnected = await failure(broker.token('bob', { scope: YOUTUBE }));
    expect(unconnected).toMatchObject({
      code: 'not_connected',
      connectUrl: expect.stringContaining('/connect'),
    });
    const stranger = new TokenBroker({ url: proxy.url, key: 'tbk_unknown' });
    expect(await failure(stranger.token('alice'))).toMatchObject({
      code: 'unauthenticated',
      connectUrl: null,
    });
  });

  test('that is transient is retried after the time that it says, and given up after the attempts that are allowed', async () => {
    proxy.respondWith(scriptedProblem('google_unavailable', 503, 0), scriptedProblem('rate_limited', 429, 0));
    await broker.token('alice');
    expect(proxy.calls).toHaveLength(3);
    proxy.respondWith(...Array.from({ length: 3 }, () => scriptedProblem('rate_limited', 429, 0)));
    const other = new TokenBroker({ url: proxy.url, key: bed.api.key });
    expect(await failure(other.token('alice'))).toMatchObject({ code: 'rate_limited', retryAfter: 0 });
    expect(proxy.calls).toHaveLength(6);
  });

  test('that says to wait longer than the call may take is not waited for', async () => {
    proxy.respondWith(scriptedProblem('google_unavailable', 503, 3600));
    expect(await failure(broker.token('alice'))).toMatchObject({
      code: 'google_unavailable',
      retryAfter: 3600,
    });
    expect(proxy.calls).toHaveLength(1);
  });

  test('does not take a token away that still lives, while the broker does not answer', async () => {
    const held = await broker.token('alice');
    proxy.respondWith(...Array.from({ length: 3 }, () => scriptedProblem('database_unavailable', 503, 0)));
    const left = Math.ceil((held.endsAt - performance.now()) / 1000);
    expect(await broker.token('alice', { minTtl: left + 10 })).toBe(held);
    expect(proxy.calls).toHaveLength(4);
  });

  test.each([502, 503, 504])(
    'of a proxy that answers %i for the broker is retried, and takes no token away that still lives',
    async (status) => {
      const page = { status, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway' };
      proxy.respondWith(page);
      const held = await broker.token('alice');
      expect(proxy.calls).toHaveLength(2);
      proxy.respondWith(page, page, page);
      const minTtl = Math.ceil((held.endsAt - performance.now()) / 1000) + 10;
      expect(await broker.token('alice', { minTtl })).toBe(held);
      expect(proxy.calls).toHaveLength(5);
      proxy.respondWith(page);
      const other = new TokenBroker({ url: proxy.url, key: bed.api.key, retries: 0 });
      expect(await failure(other.token('alice'))).toMatchObject({
        code: 'connection_failed',
        detail: expect.stringContaining(String(status)),
      });
    },
  );

  test.each([
    { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' },
    { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Log in' },
    { status: 403, headers: { 'content-type': 'application/problem+json' }, body: '{"title": "Forbidden"}' },
  ])('that is not the broker’s, as $status $body, takes no token away that still lives', async (page) => {
    const held = await broker.token('alice');
    const minTtl = Math.ceil((held.endsAt - performance.now()) / 1000) + 10;
    proxy.respondWith(page);
    expect(await broker.token('alice', { minTtl })).toBe(held);
    expect(await broker.token('alice')).toBe(held);
    proxy.respondWith(page);
    const { tokenId: refused } = held;
    expect(await failure(broker.token('alice', { refused }))).toMatchObject({ code: 'invalid_response' });
    expect(proxy.calls).toHaveLength(3);
  });

  test('is no connection, no answer in time, or no answer of a broker', async () => {
    proxy.respondWith('hang_up', 'hang_up');
    const quick = { url: proxy.url, key: bed.api.key, retries: 1 };
    expect(await failure(new TokenBroker(quick).token('alice'))).toMatchObject({ code: 'connection_failed' });
    expect(proxy.calls).toHaveLength(2);
    for (const page of [
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Log in' },
      { status: 500, body: 'no upstream' },
      { status: 302, headers: { location: bed.url } },
      { status: 200, headers: { 'content-type': 'application/json' }, body: '{' },
    ]) {
      proxy.respondWith(page);
      expect(await failure(broker.token('alice'))).toMatchObject({ code: 'invalid_response' });
    }
    const release = proxy.hold();
    const late = new TokenBroker({ ...quick, timeoutMs: 50 });
    expect(await failure(late.token('alice'))).toMatchObject({ code: 'timeout' });
    release();
  });

  test.each(['tbk_one\ntwo', 'tbk_\u201cquoted\u201d'])(
    'of the credential %j, which no header can hold, does not show it',
    async (key) => {
      const error = await failure(new TokenBroker({ url: proxy.url, key }).token('alice'));
      expect(error).toBeInstanceOf(TypeError);
      expect(inspect(error)).toContain('one line of visible ASCII');
      expect(inspect(error)).not.toContain('tbk_');
      expect(proxy.calls).toEqual([]);
    },
  );

  test('is the reason of a signal for the caller that left, and nothing for another', async () => {
    const release = proxy.hold();
    const leaving = new AbortController();
    const left = failure(broker.token('alice', { signal: leaving.signal }));
    const stayed = broker.token('alice');
    await until(() => proxy.calls.length > 0);
    leaving.abort(new Error('enough'));
    expect(await left).toMatchObject({ message: 'enough' });
    release();
    expect((await stayed).client).toBe('default');
    expect(proxy.calls).toHaveLength(1);
  });
});

test('a client without a credential, or without the scheme of its URL, is refused at once', () => {
  const key = process.env['NO_SUCH_VARIABLE'] as string;
  expect(() => new TokenBroker({ url: bed.url, key })).toThrow('Give either key or jwt.');
  expect(() => new TokenBroker({ url: 'localhost:3000', key: bed.api.key })).toThrow(/^url must begin with/);
});

test('a connect link takes a user through consent, with every option', async () => {
  const link = await broker.connectLink('carol', {
    scope: [YOUTUBE],
    client: 'second',
    accountHint: ALICE.email,
    requireAccount: { email: ALICE.email },
    returnTo: 'https://app.example.com/done',
    anotherAccount: true,
    userLabel: 'Carol Example',
    locale: 'de',
    reasons: { [YOUTUBE]: 'Für Ihren Monatsbericht.' },
  });
  const { text } = await new Browser().open(link.url);
  for (const words of ['<html lang="de">', 'Carol Example', 'Für Ihren Monatsbericht.'])
    expect(text).toContain(words);
  expect(link.expiresAt.getTime()).toBeGreaterThan(Date.now());
  expect(await broker.connectOutcome(link.id)).toMatchObject({ state: 'created', hasEnded: false });
  const outcome = broker.connectOutcome(link.id, { waitSeconds: 60 });
  const end = await new Browser().connect(link.url, { account: ALICE.email });
  expect(end.headers.get('location')).toContain('https://app.example.com/done?connect=success');
  expect(await outcome).toEqual({
    state: 'success',
    hasEnded: true,
    reason: null,
    requestId: expect.any(String),
    grantId: expect.any(String),
    account: { sub: ALICE.sub, email: ALICE.email },
    missingScopes: [],
    insteadOf: [],
  });
  expect(await broker.token('carol', { client: 'second' })).toMatchObject({ client: 'second' });
});

test('a link to the page of a user shows what is held, in the language that was asked for', async () => {
  const { id, url } = await broker.manageLink('carol', { userLabel: 'Carol Example', locale: 'fr' });
  const browser = new Browser();
  const { text } = await browser.open(url);
  for (const words of ['<html lang="fr">', 'Carol Example']) expect(text).toContain(words);
  expect(await broker.connectOutcome(id)).toMatchObject({ state: 'created' });
});

test('waiting for a connect ends with its time, its signal, or an id that is unknown', async () => {
  const { id } = await broker.connectLink('carol', { scope: YOUTUBE });
  expect(await broker.connectOutcome(id, { waitSeconds: 1 })).toMatchObject({ state: 'created' });
  const signal = AbortSignal.timeout(200);
  await expect(broker.connectOutcome(id, { waitSeconds: 60, signal })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
  expect((await failure(broker.connectOutcome('aaaaaaaaaaaa'))).code).toBe('not_found');
});

test('waiting for a connect goes on while the broker restarts', async () => {
  const { id, url } = await broker.connectLink('hugo', { scope: YOUTUBE });
  const { port } = new URL(bed.url);
  const restarting = await startTcpProxy(Number(port));
  const client = new TokenBroker({ url: `http://127.0.0.1:${restarting.port}`, key: bed.api.key });
  try {
    const outcome = client.connectOutcome(id, { waitSeconds: 20 });
    // Its rejection is for the end of the test, not for the process.
    outcome.catch(() => undefined);
    await sleep(500);
    restarting.cut();
    expect(await failure(client.connectOutcome(id, { waitSeconds: 1 }))).toMatchObject({
      code: 'connection_failed',
    });
    await sleep(2000);
    restarting.lead(Number(port));
    await new Browser().connect(url, { account: ALICE.email });
    expect((await outcome).state).toBe('success');
  } finally {
    await restarting.close();
  }
});

/** Checked by the compiler: never, where one of them has a type that the other has not. */
type Same<One, Other> = [One, Other] extends [Other, One] ? true : never;
const hasEveryEvent: Same<WebhookEvent['type'], EventType> = true;

describe('a webhook', () => {
  test('has every event of the broker in its type, and no other', () => {
    const senderOf = (event: WebhookEvent) => (event.type === 'webhook.test' ? event.data.sent_by : null);
    const timestamp = '2026-11-01T00:00:00Z';
    const trial = { id: 'msg_1', type: 'webhook.test', timestamp, data: { sent_by: 'operator' } } as const;
    expect([senderOf(trial), hasEveryEvent]).toEqual(['operator', true]);
  });

  test('of the broker is accepted with one of several secrets, and refused when it is altered, forged or old', async () => {
    const [{ text, headers }] = (await receiver.wait(1)) as [Receiver['received'][0]];
    const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const event = broker.verifyWebhook(Buffer.from(text), headers, [other, receiver.secret]);
    expect(event).toMatchObject({
      id: headers['webhook-id'],
      type: 'grant.connected',
      data: { user_id: 'alice' },
    });
    const asFetch = new Headers(headers as Record<string, string>);
    expect(broker.verifyWebhook(text, asFetch, receiver.secret)).toEqual(event);
    const rotated = {
      ...headers,
      'webhook-signature': `v1a,AAAA v1,AAAA ${headers['webhook-signature'] as string}`,
    };
    expect(broker.verifyWebhook(text, rotated, receiver.secret)).toEqual(event);

    const refused = { name: 'TokenBrokerError', code: 'invalid_webhook' };
    const verify = (...[body, given, secrets]: Parameters<TokenBroker['verifyWebhook']>) =>
      failure(Promise.resolve().then(() => broker.verifyWebhook(body, given, secrets)));
    expect(await verify(`${text} `, headers, receiver.secret)).toMatchObject(refused);
    expect(await verify(text, headers, other)).toMatchObject(refused);
    expect(await verify(text, {}, receiver.secret)).toMatchObject(refused);
    expect(await verify(text, { ...headers, 'webhook-id': 'msg_2' }, receiver.secret)).toMatchObject(refused);
    const old = signMessage([new Secret(receiver.secret)], 'msg_1', new Date(Date.now() - 301_000), text);
    expect(await verify(text, old, receiver.secret)).toMatchObject(refused);
    await expect(verify(text, headers, [])).resolves.toBeInstanceOf(TypeError);
  });
});

describe("Google's library", () => {
  const query = { ids: 'channel==MINE', startDate: '2026-01-01', endDate: '2026-01-31', metrics: 'views' };
  const analyticsOf = (user: string) =>
    youtubeAnalytics({
      version: 'v2',
      rootUrl: bed.google.url,
      auth: broker.authFor(user, { scope: YOUTUBE }),
    });
  const REFUSED = { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } };
  const connect = (user_id: string) => bed.api.connect({ user_id, scope: YOUTUBE }, { account: ALICE.email });

  test('calls an API with the token, and with another one after a 401', async () => {
    await connect('erin');
    const analytics = analyticsOf('erin');
    const { data } = await analytics.reports.query(query);
    expect(data.rows).toHaveLength(1);
    const held = await broker.token('erin', { scope: YOUTUBE });
    bed.google.control.failNext('reports', REFUSED);
    expect((await analytics.reports.query(query)).data.rows).toEqual(data.rows);
    expect(proxy.calls.at(-1)).toContain(`refused=${held.tokenId}`);
    expect((await broker.token('erin', { scope: YOUTUBE })).tokenId).not.toBe(held.tokenId);
  });

  test('gets the 401 of Google where it is not about the token', async () => {
    await connect('frank');
    const analytics = analyticsOf('frank');
    bed.google.control.failAlways('reports', REFUSED);
    // After the first one the broker replaces the token, after the second it knows that this does not help.
    await expect(analytics.reports.query(query)).rejects.toMatchObject({ status: 401 });
    await expect(analytics.reports.query(query)).rejects.toMatchObject({ status: 401 });
    expect(proxy.calls.filter((call) => call.includes('refused='))).toHaveLength(2);
  });

  test('gets the link for a user who removed the access, right after the 401', async () => {
    await bed.api.connect({ user_id: 'grace', scope: YOUTUBE }, { account: BOB.email });
    const analytics = analyticsOf('grace');
    await analytics.reports.query(query);
    bed.google.control.revokeByUser(BOB.sub, 'project-a');
    await expect(analytics.reports.query(query)).rejects.toMatchObject({
      code: 'reconnect_required',
      connectUrl: expect.stringContaining('/connect?ticket='),
    });
  });

  test('gets the refusal of the broker, with its link', async () => {
    await expect(analyticsOf('bob').reports.query(query)).rejects.toMatchObject({
      code: 'not_connected',
      connectUrl: expect.stringContaining('/connect?ticket='),
    });
  });

  test('has an AuthClient that gives headers and the token itself', async () => {
    const auth = broker.authFor('alice');
    const { accessToken } = await broker.token('alice');
    expect((await auth.getRequestHeaders()).get('authorization')).toBe(`Bearer ${accessToken}`);
    expect(await auth.getAccessToken()).toEqual({ token: accessToken });
  });
});

exhaustive.describe('the package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'token-broker-client-'));
    for (const name of ['package.json', 'README.md']) {
      cpSync(join('clients/typescript', name), join(folder, name));
    }
    await run('tsc', ['--project', 'clients/typescript', '--outDir', join(folder, 'dist')]);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('holds what is compiled and nothing else, in the shape that npm and Node.js want', async () => {
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: folder });
    const [pack] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const paths = pack.files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['package.json', 'README.md', 'dist/token-broker.d.ts']));
    expect(
      paths.filter((path) => !/^dist\/[\w-]+\.(js|d\.ts)$|^(package\.json|README\.md)$/.test(path)),
    ).toEqual([]);
    const { messages } = await publint({ pkgDir: folder, strict: true });
    expect(messages).toEqual([]);
  });

  test('has no dependency, and is loaded where Google’s library is not installed', async () => {
    const description = JSON.parse(readFileSync('clients/typescript/package.json', 'utf8')) as object;
    expect(description).not.toHaveProperty('dependencies');
    const app = join(folder, 'app');
    mkdirSync(join(app, 'node_modules'), { recursive: true });
    symlinkSync(resolve(folder), join(app, 'node_modules', 'token-broker-client'));
    const script = `import { TokenBroker } from 'token-broker-client';
      const broker = new TokenBroker({ url: process.argv[1], key: process.argv[2] });
      console.log((await broker.token('alice')).client);`;
    const args = ['--input-type=module', '--eval', script, bed.url, bed.api.key];
    expect((await run(process.execPath, args, { cwd: app })).stdout).toBe('default\n');
  });
});
