import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { googleKeys } from '../../src/google/google-keys.js';
import { ResourceUnavailable } from '../../src/outbound/cached-resource.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { Api } from '../support/api.js';
import { HostileServer, HOSTILITIES, type Hostility } from '../support/hostile-server.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const AUDIENCE = 'https://broker.example.com';
const SUBJECT = 'system:serviceaccount:analytics:reports';
const NO_TOKEN = { payload: '', signature: '', protected: '' };
const TIMEOUT_MS = 1500;
/** What an endless body may fill before its end is noticed: the limit, and the buffers of two sockets. */
const FEW_BYTES = 30 * 1024 * 1024;

let bed: TestBed;
let google: HostileServer;
let issuer: LocalIssuer;
let issuerFront: HostileServer;
let receiver: HostileServer;
let issuerKey: SigningKey;

beforeAll(async () => {
  issuer = await LocalIssuer.start();
  issuerKey = await SigningKey.make('issuer-1');
  issuer.keys = [issuerKey.publicJwk];
  issuerFront = await HostileServer.start(issuer.url);
  issuer.discovery = { issuer: issuerFront.url, jwks_uri: `${issuerFront.url}/keys` };
  receiver = await HostileServer.start('http://127.0.0.1:9');
  receiver.hostile.set('/', 'endless');
  const path = join(mkdtempSync(join(tmpdir(), 'token-broker-hostile-')), 'issuers.json');
  writeFileSync(path, JSON.stringify([{ issuer: issuerFront.url, audience: AUDIENCE }]));
  bed = await startTestBed({ SERVICE_ISSUERS_FILE: path });
  await bed.app.get(ServiceRegistry).createForIdentity(
    'reports',
    {
      clients: ['*'],
      scopes: ['*'],
      users: ['*'],
      audit: false,
      disconnect: false,
      revoke: false,
      force: false,
      import: false,
    },
    { issuer: issuerFront.url, subject: SUBJECT },
  );
  google = await HostileServer.start(bed.google.url);
});

beforeEach(async () => {
  for (const server of [google, issuerFront]) {
    server.hostile.clear();
    Object.assign(server, { status: 200, sent: 0, closed: 0 });
  }
  bed.google.control.reset();
  await bed.reset();
});

afterAll(async () => {
  await bed.stop();
  await Promise.all([google, issuerFront, receiver].map((server) => server.stop()));
  await issuer.stop();
});

const grants = () => bed.sql('SELECT id, version, granted_scopes, status FROM grants ORDER BY id');
const restartBehind = () =>
  bed.restart({ GOOGLE_STAND_IN_URL: google.url, GOOGLE_TIMEOUT_MS: String(TIMEOUT_MS) });

/** @returns the highest growth of the process while it lasts: broker, callers and server together */
async function memoryOf(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
  await work();
  clearInterval(timer);
  return most - before;
}

describe('a hostile token response', () => {
  beforeEach(async () => {
    await bed.restart();
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    bed.clock.advance(3600);
    await restartBehind();
  });

  test.each([
    ...HOSTILITIES.map((kind) => [kind, 200] as const),
    ['gzip', 400] as const,
    ['endless', 503] as const,
  ])(
    'of kind %s with status %d gives 503, stores nothing, and does no lasting harm',
    async (kind: Hostility, status: number) => {
      const before = await grants();
      google.hostile.set('/token', kind);
      google.status = status;
      const startedAt = performance.now();
      const response = await bed.api.token('alice');
      expect(response).toMatchObject({ status: 503, body: { code: 'google_unavailable' } });
      expect(response.body['detail']).toContain(kind === 'trickle' ? 'timeout' : 'too_large');
      expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 1500);
      expect(google.sent).toBeLessThan(FEW_BYTES);
      expect(await grants()).toEqual(before);
      google.hostile.clear();
      await bed.afterBackoff();
      expect((await bed.api.token('alice')).status).toBe(200);
    },
    20_000,
  );
});

test('eight decompression bombs at once take no more memory than eight limits', async () => {
  await bed.restart();
  const users = Array.from({ length: 8 }, (_, index) => `user-${index}`);
  for (const user_id of users) await bed.api.connect({ user_id, scope: YOUTUBE }, { account: ALICE.email });
  bed.clock.advance(3600);
  await restartBehind();
  google.hostile.set('/token', 'gzip');
  await bed.api.token('user-0');
  const growth = await memoryOf(async () => {
    const responses = await Promise.all(users.slice(1).map((user) => bed.api.token(user)));
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 503));
  });
  // Whole, they are 1.8 GB.
  expect(growth).toBeLessThan(400 * 1024 * 1024);
}, 30_000);

describe('another hostile response from Google', () => {
  beforeEach(async () => {
    await bed.restart();
    await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
    await restartBehind();
  });

  test.each(HOSTILITIES)('to a revocation is bounded, as with %s', async (kind) => {
    google.hostile.set('/revoke', kind);
    google.status = 503;
    const [grant] = await grants();
    const response = await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'revoke' });
    // Begun, and not confirmed: it is tried again.
    expect(response).toMatchObject({ status: 202, body: { disconnected: { status: 'revoking' } } });
    expect(google.sent).toBeLessThan(FEW_BYTES);
  });

  test.each(HOSTILITIES)('of Google Ads is bounded, as with %s', async (kind) => {
    google.hostile.set('/v', kind);
    const response = await bed.api.get('/users/alice/ads/customers');
    expect(response).toMatchObject({ status: 503, body: { code: 'google_unavailable' } });
    expect(google.sent).toBeLessThan(FEW_BYTES + 16 * 1024 * 1024);
  });

  test.each(HOSTILITIES)('with the configuration of security events is bounded, as with %s', async (kind) => {
    google.hostile.set('/.well-known/risc', kind);
    const response = await fetch(`${bed.url}/security-events/google`, {
      method: 'POST',
      headers: { 'content-type': 'application/secevent+jwt' },
      body: await issuerKey.sign({ iss: bed.google.url }),
    });
    expect(response.status).toBe(503);
    expect(google.sent).toBeLessThan(FEW_BYTES);
  });

  test.each(HOSTILITIES)('with keys is bounded, as with %s', async (kind) => {
    google.hostile.set('/oauth2/v3/certs', kind);
    const keys = googleKeys(
      () => Promise.resolve(`${google.url}/oauth2/v3/certs`),
      TIMEOUT_MS,
      () => 0,
    );
    await expect(keys({ alg: 'RS256', kid: 'any' }, NO_TOKEN)).rejects.toThrow(ResourceUnavailable);
    expect(google.sent).toBeLessThan(FEW_BYTES);
  });
});

describe('a hostile response from an issuer', () => {
  beforeEach(() => bed.restart());

  test.each(
    ['/.well-known/openid-configuration', '/keys'].flatMap((path) =>
      HOSTILITIES.filter((kind) => kind !== 'trickle').map((kind): [string, Hostility] => [path, kind]),
    ),
  )('at %s is bounded, as with %s', async (path, kind) => {
    issuerFront.hostile.set(path, kind);
    const seconds = Math.floor(bed.clock.now().getTime() / 1000);
    const claims = { iss: issuerFront.url, sub: SUBJECT, aud: AUDIENCE, iat: seconds, exp: seconds + 3600 };
    const api = new Api(bed.url, await issuerKey.sign(claims));
    expect(await api.token('alice')).toMatchObject({ status: 503, body: { code: 'issuer_unavailable' } });
    expect(issuerFront.sent).toBeLessThan(FEW_BYTES);
    issuerFront.hostile.clear();
    bed.clock.advance(31);
    expect((await api.token('alice')).status).toBe(404);
  });
});

test('the response body of a webhook receiver is not read', async () => {
  await bed.webhook({ url: receiver.url });
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await until(() => receiver.closed > 0, 5000);
  expect(receiver.sent).toBeLessThan(FEW_BYTES);
  const events = await bed.sql('SELECT delivered_at FROM outbox_events');
  expect(events).toHaveLength(1);
});
