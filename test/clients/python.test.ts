/**
 * The client for Python: against a broker, in a Python of this machine, and with google-auth where one has it (Debian's
 * python3-google-auth). Without Python these tests are skipped.
 */
import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { signMessage } from '../../src/webhooks/send-event.js';
import { Browser } from '../support/api.js';
import { type ScriptedProxy, scriptedProblem, startScriptedProxy } from '../support/scripted-proxy.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

const canImport = (python: string, modules: string) =>
  spawnSync(python, ['-c', `import ${modules}`]).status === 0;
const PYTHONS = ['python3', '/usr/bin/python3'];
const python = PYTHONS.find((each) => canImport(each, 'dataclasses'));
const withGoogleAuth = PYTHONS.find((each) => canImport(each, 'google.auth.transport.requests'));
if (python === undefined) console.warn('There is no Python here: its client was not tried.');
else if (withGoogleAuth === undefined)
  console.warn('No Python here has google-auth: its credentials were not tried.');
const pythonTest = python === undefined ? test.skip : test;
const googleTest = withGoogleAuth === undefined ? test.skip : test;

let receiver: Receiver;
let bed: TestBed;
let proxy: ScriptedProxy;

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
});
afterAll(async () => {
  for (const driver of drivers.values()) driver.stop();
  await bed.stop();
  await proxy.close();
  await receiver.close();
});

/** Runs cases, a line of JSON each, one after the other: the start of a Python takes longer than most of them. */
const DRIVER = `
import json, sys, traceback
from token_broker import *

def failure(call):
    try:
        call()
    except TokenBrokerError as error:
        return {"kind": type(error).__name__, "code": error.code, "connect_url": error.connect_url,
                "retry_after": error.retry_after, "detail": error.detail}
    raise SystemExit("It did not fail.")

for line in sys.stdin:
    case = json.loads(line)
    given = case["given"]
    scope = {**globals(), "broker": TokenBroker(given["url"], key=given["key"] + "\\n")}
    try:
        exec(case["lines"], scope)
        printed = {"result": scope["result"]}
    except BaseException:
        printed = {"error": traceback.format_exc()}
    print(json.dumps(printed), flush=True)
`;

interface Driver {
  readonly run: (lines: string, given: object) => Promise<Record<string, unknown>>;
  readonly stop: () => void;
}

function startDriver(interpreter: string): Driver {
  const child = spawn(interpreter, ['-W', 'error::SyntaxWarning', '-c', DRIVER], {
    env: { ...process.env, PYTHONPATH: resolve('clients/python'), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const printed = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    run: async (lines, given) => {
      child.stdin.write(`${JSON.stringify({ lines, given })}\n`);
      const { value } = await printed.next();
      const { result, error } = JSON.parse(value ?? '{"error": "Python ended."}') as {
        result?: Record<string, unknown>;
        error?: string;
      };
      if (result === undefined) throw new Error(error);
      return result;
    },
    stop: () => child.stdin.end(),
  };
}

const drivers = new Map<string, Driver>();

/** Runs lines in which `broker` is a client. @returns what they leave in `result` */
function run(
  lines: string,
  interpreter = python ?? '',
  given: object = {},
): Promise<Record<string, unknown>> {
  const driver = drivers.get(interpreter) ?? startDriver(interpreter);
  drivers.set(interpreter, driver);
  return driver.run(lines, { url: `${proxy.url}/`, key: bed.api.key, ...given });
}

describe('the client for Python', () => {
  pythonTest(
    'gets a token once for all threads that ask, caches it, and replaces one that Google refused',
    async () => {
      const result = await run(`
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(10) as pool:
    tokens = list(pool.map(lambda _: broker.token("alice", scope=["${YOUTUBE}"]), range(10)))
again = broker.token("alice", scope="${YOUTUBE}")
other = broker.token("alice", scope="${YOUTUBE}", refused=again.token_id)
same = broker.token("alice", scope="${YOUTUBE}", refused=again.token_id)
result = {"tokens": len({token.access_token for token in tokens}), "is_cached": again is tokens[0],
          "is_other": other.token_id != again.token_id, "is_same": same is other,
          "account": dict(other.account), "scopes": other.scopes, "secret_in_repr": other.access_token in repr(other),
          "zone": str(other.expires_at.tzinfo)}`);
      expect(result).toMatchObject({
        tokens: 1,
        is_cached: true,
        is_other: true,
        is_same: true,
        account: { sub: ALICE.sub, email: ALICE.email },
        scopes: expect.arrayContaining([YOUTUBE]),
        secret_in_repr: false,
        zone: 'UTC',
      });
      const scope = encodeURIComponent(YOUTUBE);
      expect(proxy.calls).toEqual([
        `/tokens/alice?scope=${scope}`,
        expect.stringMatching(/^\/tokens\/alice\?scope=.*&refused=[0-9a-f]{16}$/),
      ]);
    },
  );

  pythonTest(
    'shares a failure among all threads that ask, and no thread waits longer than the timeout',
    async () => {
      const six = (broker: string) => `
from concurrent.futures import ThreadPoolExecutor
import time
broker = ${broker}
def timed(_):
    began = time.monotonic()
    code = failure(lambda: broker.token("alice"))["code"]
    return [code, time.monotonic() - began]
with ThreadPoolExecutor(6) as pool:
    result = {"ends": list(pool.map(timed, range(6)))}`;
      proxy.respondWith(...Array.from({ length: 3 }, () => scriptedProblem('database_unavailable', 503, 1)));
      const refused = await run(six('TokenBroker(given["url"], key=given["key"])'));
      expect((refused['ends'] as [string, number][]).map(([code]) => code)).toEqual(
        Array.from({ length: 6 }, () => 'database_unavailable'),
      );
      expect(proxy.calls).toHaveLength(3);

      proxy.clear();
      const release = proxy.hold();
      const late = await run(six('TokenBroker(given["url"], key=given["key"], timeout=2, retries=0)'));
      const ends = late['ends'] as [string, number][];
      expect(ends.map(([code]) => code)).toEqual(Array.from({ length: 6 }, () => 'timeout'));
      expect(Math.max(...ends.map(([, seconds]) => seconds))).toBeLessThan(4);
      expect(proxy.calls).toHaveLength(1);
      release();
    },
  );

  pythonTest(
    'waits no longer than its own timeout for the call of another thread, and asks where that thread was interrupted',
    async () => {
      const release = proxy.hold();
      const { ends } = await run(`
import threading, time
def wait(seconds):
    broker._timeout = seconds
    return [failure(lambda: broker.token("alice"))["code"], first.is_alive()]
broker._timeout, broker._retries = 5, 0
first = threading.Thread(target=lambda: failure(lambda: broker.token("alice")))
first.start()
time.sleep(0.2)
result = {"ends": wait(0.3)}
first.join()`);
      expect(ends).toEqual(['timeout', true]);
      expect(proxy.calls).toHaveLength(1);
      release();

      proxy.clear();
      const { interrupted, client } = await run(`
import threading
began, leave, calls, found = threading.Event(), threading.Event(), [], {}
def credential():
    calls.append(1)
    if len(calls) == 1:
        began.set()
        leave.wait(5)
        raise KeyboardInterrupt
    return given["key"]
broker = TokenBroker(given["url"], jwt=credential)
def interrupt():
    try:
        broker.token("alice")
    except KeyboardInterrupt:
        found["interrupted"] = True
def ask():
    found["client"] = broker.token("alice").client
threads = [threading.Thread(target=interrupt), threading.Thread(target=ask)]
threads[0].start()
began.wait(5)
threads[1].start()
threading.Event().wait(0.2)
leave.set()
for thread in threads:
    thread.join()
result = found`);
      expect({ interrupted, client }).toEqual({ interrupted: true, client: 'default' });
      expect(proxy.calls).toHaveLength(1);
    },
  );

  pythonTest(
    'asks again after a sleep in which the monotonic clock stood still, and where the wall clock is set back',
    async () => {
      const result = await run(`
import time
from unittest import mock
from contextlib import ExitStack
def asked_again(**shifts):
    other = TokenBroker(given["url"], key=given["key"])
    held = other.token("alice")
    with ExitStack() as stack:
        for name, seconds in shifts.items():
            now = getattr(time, name)
            stack.enter_context(mock.patch.object(time, name, lambda now=now, seconds=seconds: now() + seconds))
        left = held.seconds_left
        return [left < 0, other.token("alice") is not held]
result = {"slept": asked_again(time=3600), "set_back": asked_again(time=-86400, monotonic=3600),
          "only_set_back": asked_again(time=-86400)}`);
      expect(result).toEqual({ slept: [true, true], set_back: [true, true], only_set_back: [false, false] });
    },
  );

  pythonTest('stores no slow answer over that of a later call', async () => {
    await bed.api.connect({ user_id: 'slow', scope: YOUTUBE }, { account: ALICE.email });
    const result = await run(`
import threading
fetch, answered, released, found = broker._fetch_token, threading.Event(), threading.Event(), {}
def slowly(user, query):
    token = fetch(user, query)
    if query["refused"] is None:
        answered.set()
        released.wait(5)
    return token
broker._fetch_token = slowly
def ask():
    found["first"] = broker.token("slow")
first = threading.Thread(target=ask)
first.start()
answered.wait(5)
other = TokenBroker(given["url"], key=given["key"]).token("slow")
later = broker.token("slow", refused=other.token_id)
released.set()
first.join()
result = {"is_first": found["first"].token_id == other.token_id, "is_kept": broker.token("slow") is later}`);
    expect(result).toEqual({ is_first: true, is_kept: true });
  });

  pythonTest('raises what a caller can act on, with code and link', async () => {
    const { missing, unconnected, stranger, slash } = await run(`
result = {"missing": failure(lambda: broker.token("alice", scope="${ADS}")),
          "unconnected": failure(lambda: broker.token("bob")),
          "slash": failure(lambda: broker.token("a/ü")),
          "stranger": failure(lambda: TokenBroker(given["url"], jwt=lambda: "tbk_unknown").token("alice"))}`);
    const connectUrl = expect.stringContaining(`${bed.url}/connect?ticket=`) as unknown;
    expect(missing).toMatchObject({
      kind: 'ConnectRequired',
      code: 'insufficient_scope',
      connect_url: connectUrl,
    });
    expect(unconnected).toMatchObject({ kind: 'TokenBrokerError', code: 'not_connected', connect_url: null });
    expect(stranger).toMatchObject({ kind: 'TokenBrokerError', code: 'unauthenticated' });
    expect(slash).toMatchObject({ code: 'not_connected' });
    expect(proxy.calls).toContain('/tokens/a%2F%C3%BC');
  });

  pythonTest(
    'retries what is transient, keeps a token that still lives, and waits no longer than it may',
    async () => {
      const down = Array.from({ length: 3 }, () => scriptedProblem('database_unavailable', 503, 0));
      proxy.respondWith(
        ...[scriptedProblem('google_unavailable', 503, 0), scriptedProblem('rate_limited', 429, 0)],
        // Nothing scripted: the broker answers.
      );
      const { client } = await run(`result = {"client": broker.token("alice").client}`);
      expect(client).toBe('default');
      expect(proxy.calls).toHaveLength(3);
      proxy.respondWith(...down);
      expect(await run(`result = failure(lambda: broker.token("alice"))`)).toMatchObject({
        kind: 'Unavailable',
        code: 'database_unavailable',
        retry_after: 0,
      });
      proxy.respondWith(scriptedProblem('google_unavailable', 503, 3600), {
        status: 302,
        headers: { location: bed.url },
      });
      const { long, redirect, closed, kept } = await run(`
closed = TokenBroker("http://127.0.0.1:9", key="x", retries=0)
result = {"long": failure(lambda: broker.token("alice")),
          "redirect": failure(lambda: broker.token("alice")),
          "closed": failure(lambda: closed.token("alice"))}
held = broker.token("alice")
broker._url = "http://127.0.0.1:9"
broker._retries = 0
result["kept"] = broker.token("alice", min_ttl=int(held.seconds_left) + 10) is held`);
      expect(long).toMatchObject({ kind: 'Unavailable', retry_after: 3600 });
      expect(redirect).toMatchObject({ code: 'invalid_response' });
      expect(closed).toMatchObject({ kind: 'Unavailable', code: 'connection_failed' });
      expect(kept).toBe(true);
      const release = proxy.hold();
      expect(
        await run(`
broker = TokenBroker(given["url"], key=given["key"], timeout=0.05, retries=0)
result = failure(lambda: broker.token("alice"))`),
      ).toMatchObject({ kind: 'Unavailable', code: 'timeout' });
      release();
    },
  );

  describe('where a proxy answers for the broker', () => {
    const html = { 'content-type': 'text/html' };
    const problem = { 'content-type': 'application/problem+json' };
    const call = (lines: string) => run(lines, python, { direct: bed.url });
    const HOLD = `
broker._url = given["direct"]
held = broker.token("alice")
broker._url = given["url"].rstrip("/")
least = int(held.seconds_left) + 10`;

    for (const status of [502, 503, 504])
      pythonTest(`retries after ${status}, and keeps a token that still lives`, async () => {
        const page = { status, headers: html, body: '<h1>Bad gateway' };
        proxy.respondWith(page);
        expect(await call(`result = {"client": broker.token("alice").client}`)).toEqual({
          client: 'default',
        });
        expect(proxy.calls).toHaveLength(2);
        proxy.respondWith(page, page, page, page);
        const { kept, failed } = await call(`${HOLD}
other = TokenBroker(given["url"], key=given["key"], retries=0)
result = {"kept": broker.token("alice", min_ttl=least) is held, "failed": failure(lambda: other.token("alice"))}`);
        expect(kept).toBe(true);
        const detail = expect.stringContaining(String(status)) as unknown;
        expect(failed).toMatchObject({ kind: 'Unavailable', code: 'connection_failed', detail });
        expect(proxy.calls).toHaveLength(6);
      });

    pythonTest(
      'keeps a token that still lives, and does not retry, where the answer says nothing',
      async () => {
        for (const page of [
          { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' },
          { status: 200, headers: html, body: '<p>Log in' },
          { status: 403, headers: problem, body: '{"title": "Forbidden"}' },
        ]) {
          proxy.clear();
          proxy.respondWith(page, page);
          expect(
            await call(`${HOLD}
result = {"kept": [broker.token("alice", min_ttl=least) is held, broker.token("alice") is held],
          "failed": failure(lambda: broker.token("alice", refused=held.token_id))}`),
          ).toMatchObject({ kept: [true, true], failed: { code: 'invalid_response' } });
          expect(proxy.calls).toHaveLength(2);
        }
      },
    );
  });

  pythonTest(
    'raises its own errors where a refusal breaks off, and shows no credential that no header can hold',
    async () => {
      const headers = { 'content-type': 'application/problem+json', 'content-length': '100' };
      proxy.respondWith({ status: 503, headers, body: '{' }, { status: 200, headers, body: '{' });
      const { refusal, token, shown } = await run(`
broker = TokenBroker(given["url"], key=given["key"], retries=0, timeout=5)
result = {"refusal": failure(lambda: broker.token("alice")), "token": failure(lambda: broker.token("alice")), "shown": []}
for key in ["tbk_one\\ntwo", "tbk_\u201cquoted\u201d"]:
    try:
        TokenBroker(given["url"], key=key).token("alice")
    except ValueError as error:
        result["shown"].append(str(error))`);
      for (const error of [refusal, token])
        expect(error).toMatchObject({ kind: 'Unavailable', code: 'connection_failed' });
      expect(shown).toEqual(
        Array.from(
          { length: 2 },
          () => 'The credential must be one line of visible ASCII characters, without spaces.',
        ),
      );
    },
  );

  pythonTest('is refused at once without a credential, or without the scheme of its URL', async () => {
    const { unset, bare } = await run(`
def fault(*args, **options):
    try:
        TokenBroker(*args, **options)
    except ValueError as error:
        return str(error)
result = {"unset": fault(given["url"], key=""), "bare": fault("localhost:3000", key=given["key"])}`);
    expect(unset).toBe('Give either key or jwt.');
    expect(bare).toMatch(/^url must begin with/);
  });

  pythonTest('makes a connect link', async () => {
    const { url, expires, id, page } = await run(`
link = broker.connect_link("dave", "${YOUTUBE}", client="second", account_hint="${ALICE.email}",
                           require_account={"email": "${ALICE.email}"}, return_to="https://app.example.com/done",
                           locale="de", reasons={"${YOUTUBE}": "Für Ihren Monatsbericht."})
page = broker.manage_link("dave", user_label="Dave Example")
result = {"url": link.url, "expires": link.expires_at.isoformat(), "id": link.id, "page": page.url}`);
    expect((await new Browser().open(url as string)).text).toContain('Für Ihren Monatsbericht.');
    expect((await new Browser().open(page as string)).text).toContain('Dave Example');
    expect(Date.parse(expires as string)).toBeGreaterThan(Date.now());
    const end = await new Browser().connect(url as string, { account: ALICE.email });
    expect(end.headers.get('location')).toContain('https://app.example.com/done?connect=success');
    const outcome = await run(`
outcome = broker.connect_outcome("${String(id)}", wait_seconds=5)
waiting = broker.connect_outcome(broker.connect_link("dave", "${YOUTUBE}").id, wait_seconds=1)
result = {"state": outcome.state, "ended": outcome.has_ended, "account": outcome.account,
          "waiting": waiting.state, "unknown": failure(lambda: broker.connect_outcome("aaaaaaaaaaaa"))["code"]}`);
    expect(outcome).toEqual({
      state: 'success',
      ended: true,
      account: { sub: ALICE.sub, email: ALICE.email },
      waiting: 'created',
      unknown: 'not_found',
    });
  });

  pythonTest('goes on waiting for a connect while the broker restarts', async () => {
    const { body } = await bed.api.post('/connect/tickets', { user_id: 'hugo', scope: YOUTUBE });
    const { port } = new URL(bed.url);
    const restarting = await startTcpProxy(Number(port));
    const given = { url: `http://127.0.0.1:${restarting.port}` };
    const waitFor = (seconds: number) =>
      `broker.connect_outcome("${String(body['id'])}", wait_seconds=${String(seconds)})`;
    try {
      const outcome = run(`result = {"state": ${waitFor(20)}.state}`, python, given);
      // Its rejection is for the end of the test, not for the process.
      outcome.catch(() => undefined);
      await sleep(500);
      restarting.cut();
      await sleep(3000);
      restarting.lead(Number(port));
      await new Browser().connect(body['connect_url'] as string, { account: ALICE.email });
      expect(await outcome).toEqual({ state: 'success' });
      restarting.cut();
      expect(await run(`result = failure(lambda: ${waitFor(1)})`, python, given)).toMatchObject({
        code: 'connection_failed',
      });
    } finally {
      await restarting.close();
    }
  });

  pythonTest('accepts a webhook of the broker, and refuses one that is altered, forged or old', async () => {
    const [{ text: body, headers }] = (await receiver.wait(1)) as [Receiver['received'][0]];
    const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const old = signMessage([new Secret(receiver.secret)], 'msg_1', new Date(Date.now() - 301_000), body);
    const given = { body, headers, old, secret: receiver.secret, other };
    const result = await run(
      `
body, headers, old = given["body"].encode(), given["headers"], given["old"]
secret, other = given["secret"], given["other"]
event = broker.verify_webhook(body, headers, [other, secret])
upper = broker.verify_webhook(body, {name.title(): value for name, value in headers.items()}, secret)
result = {"event": event, "is_same": event == upper,
          "refused": [failure(lambda: broker.verify_webhook(*each))["kind"] for each in [
              (body + b" ", headers, secret), (body, headers, other), (body, {}, secret), (body, old, secret),
              (body, {**headers, "webhook-id": "msg_2"}, secret)]]}`,
      python,
      given,
    );
    expect(result).toMatchObject({
      event: { id: headers['webhook-id'], type: 'grant.connected', data: { user_id: 'alice' } },
      is_same: true,
      refused: Array.from({ length: 5 }, () => 'InvalidWebhook'),
    });
  });

  describe('with google-auth', () => {
    const getReport = (user: string) =>
      run(
        `
from google.auth.transport.requests import AuthorizedSession
session = AuthorizedSession(broker.credentials_for("${user}", scope="${YOUTUBE}"))
try:
    result = {"status": session.get(given["report"]).status_code}
except TokenBrokerError as error:
    result = {"kind": type(error).__name__, "code": error.code, "connect_url": error.connect_url}`,
        withGoogleAuth,
        {
          report: `${bed.google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views`,
        },
      );
    const refusals = () => proxy.calls.filter((call) => call.includes('refused=')).length;
    const REFUSED = { status: 401, body: { error: { code: 401 } } };

    googleTest('gives credentials whose token is replaced after a 401 that is about the token', async () => {
      await bed.api.connect({ user_id: 'erin', scope: YOUTUBE }, { account: ALICE.email });
      expect(await getReport('erin')).toEqual({ status: 200 });
      bed.google.control.failNext('reports', REFUSED);
      expect(await getReport('erin')).toEqual({ status: 200 });
      expect(refusals()).toBe(1);
      bed.google.control.failAlways('reports', REFUSED);
      expect(await getReport('erin')).toEqual({ status: 401 });
    });

    googleTest('raises the refusal of the broker, with its link', async () => {
      expect(await getReport('bob')).toEqual({
        kind: 'ConnectRequired',
        code: 'not_connected',
        connect_url: expect.stringContaining('/connect?ticket='),
      });
    });
  });
});
