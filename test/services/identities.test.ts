import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import type { Policy } from '../../src/domain/access/policy.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { type ApiResponse, Api } from '../support/api.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

const AUDIENCE = 'https://broker.example.com';
const GOOGLE = 'https://accounts.google.com';
const REPORTS = 'system:serviceaccount:analytics:reports';
const ROBOT = '103400000000000009999';
const SPIFFE_ID = 'spiffe://example.org/ns/analytics/sa/reports';
const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false, import: false };
const ANYTHING: Policy = { clients: ['*'], scopes: ['*'], users: ['*'], ...NO_RIGHTS };

const folder = mkdtempSync(join(tmpdir(), 'token-broker-issuers-'));
const file = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
/** A running broker looks at the file once a second. */
const replaceBundle = (content: unknown) => {
  file('bundle.json', content);
  bed.clock.advance(1);
};

let cluster: LocalIssuer;
let google: LocalIssuer;
let late: LocalIssuer;
let bundle: LocalIssuer;
let clusterKey: SigningKey;
let googleKey: SigningKey;
let spireKey: SigningKey;
let bundlePath: string;
let bed: TestBed;
const tokens: string[] = [];

beforeAll(async () => {
  [cluster, google, late, bundle] = (await Promise.all([1, 2, 3, 4].map(() => LocalIssuer.start()))) as [
    LocalIssuer,
    LocalIssuer,
    LocalIssuer,
    LocalIssuer,
  ];
  clusterKey = await SigningKey.make('cluster-1');
  googleKey = await SigningKey.make('google-1', 'RS256', { use: 'sig', alg: 'RS256' });
  spireKey = await SigningKey.make('spire-1', 'ES256', { use: 'jwt-svid' });
  cluster.keys = [clusterKey.publicJwk];
  google.keys = [googleKey.publicJwk];
  bundle.keys = [spireKey.publicJwk];
  bundlePath = file('bundle.json', { keys: [spireKey.publicJwk] });
  bed = await startTestBed({
    SERVICE_ISSUERS_FILE: file('issuers.json', [
      { issuer: cluster.url, audience: AUDIENCE },
      { issuer: GOOGLE, jwks_uri: google.jwksUri, audience: AUDIENCE },
      { issuer: late.url, audience: AUDIENCE },
      { trust_domain: 'example.org', jwks_file: bundlePath, audience: AUDIENCE },
      { trust_domain: 'elsewhere.example', jwks_uri: bundle.jwksUri, audience: AUDIENCE },
    ]),
  });
  await create('cluster', { issuer: cluster.url, subject: REPORTS });
  await create('google', { issuer: GOOGLE, subject: ROBOT });
  await create('spiffe', { issuer: 'spiffe://example.org', subject: SPIFFE_ID });
});
afterAll(async () => {
  await bed.stop();
  await Promise.all([cluster, google, late, bundle].map((issuer) => issuer.stop()));
});

function create(name: string, identity: { issuer: string; subject: string }, policy: Partial<Policy> = {}) {
  return bed.app.get(ServiceRegistry).createForIdentity(name, { ...ANYTHING, ...policy }, identity);
}

const seconds = (ahead = 0) => Math.floor(bed.clock.now().getTime() / 1000) + ahead;

/** As a projected service account token has them. @param changes `undefined` leaves a claim out */
const clusterClaims = (changes: Record<string, unknown> = {}): JWTPayload => ({
  iss: cluster.url,
  sub: REPORTS,
  aud: [AUDIENCE],
  iat: seconds(),
  nbf: seconds(),
  exp: seconds(3600),
  'kubernetes.io': { namespace: 'analytics', serviceaccount: { name: 'reports', uid: 'f2a1' } },
  ...changes,
});
const spiffeClaims = (changes: Record<string, unknown> = {}): JWTPayload => ({
  sub: SPIFFE_ID,
  aud: AUDIENCE,
  exp: seconds(300),
  ...changes,
});

function call(token: string): Promise<ApiResponse> {
  tokens.push(token);
  return new Api(bed.url, token).token('alice');
}

/** Through the door, where nothing is connected yet; or turned away at it. */
const ENTERED = { status: 404, code: 'not_connected' };
const TURNED_AWAY = { status: 401, code: 'unauthenticated' };

async function expectResponse(token: string | Promise<string>, expected: { status: number; code: string }) {
  const response = await call(await token);
  expect({ status: response.status, code: response.body['code'] }).toEqual(expected);
  return response;
}

describe('a valid token is accepted', () => {
  test('for Kubernetes as a projected service account token, with keys by discovery', async () => {
    await expectResponse(clusterKey.sign(clusterClaims()), ENTERED);
    expect(cluster.asked.sort()).toEqual(['/.well-known/openid-configuration', '/keys']);
    await expectResponse(clusterKey.sign(clusterClaims()), ENTERED);
    expect(cluster.asked).toHaveLength(2);
  });

  test('for Google as an ID token of a service account, with keys by address', async () => {
    const claims = { iss: GOOGLE, sub: ROBOT, azp: ROBOT, aud: AUDIENCE, iat: seconds(), exp: seconds(3600) };
    await expectResponse(googleKey.sign({ ...claims, email_verified: true }, { typ: 'JWT' }), ENTERED);
    expect(google.asked).toEqual(['/keys']);
  });

  test.each(['at+jwt', 'application/at+jwt', 'AT+JWT', 'jwt', 'Jose', 'application/JWT'])(
    'with the type %s (RFC 9068, RFC 7515)',
    async (typ) => {
      await expectResponse(clusterKey.sign(clusterClaims(), { typ }), ENTERED);
    },
  );

  test('for SPIFFE as a JWT-SVID without iss and iat, with keys from a file, named by the trust domain', async () => {
    await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
    await expectResponse(spireKey.sign(spiffeClaims({ iss: 'https://spire.example.org' })), ENTERED);
    await expectResponse(spireKey.sign(spiffeClaims(), { kid: undefined }), ENTERED);
  });

  test('for SPIFFE with keys of a bundle by address, and a file is read again when it changes', async () => {
    const subject = 'spiffe://elsewhere.example/reports';
    await create('elsewhere', { issuer: 'spiffe://elsewhere.example', subject });
    await expectResponse(spireKey.sign(spiffeClaims({ sub: subject })), ENTERED);

    const [next, x509] = [
      await SigningKey.make('spire-2', 'ES256', { use: 'jwt-svid' }),
      await SigningKey.make('x', 'ES256', { use: 'x509-svid' }),
    ];
    // Without a key id every key that fits is tried, except those for certificates.
    replaceBundle({ keys: [spireKey.publicJwk, next.publicJwk, x509.publicJwk] });
    await expectResponse(next.sign(spiffeClaims(), { kid: undefined }), ENTERED);
    await expectResponse(spireKey.sign(spiffeClaims(), { kid: undefined }), ENTERED);
    await expectResponse(x509.sign(spiffeClaims(), { kid: undefined }), TURNED_AWAY);
    await expectResponse(x509.sign(spiffeClaims()), TURNED_AWAY);
    replaceBundle({ keys: [spireKey.publicJwk] });
    await expectResponse(next.sign(spiffeClaims()), TURNED_AWAY);
  });

  test.each<[string, () => object[]]>([
    [
      'RSA keys of more than 8192 bits only',
      () => [{ kty: 'RSA', kid: 'a', n: 'A'.repeat(1367), e: 'AQAB' }],
    ],
    ['more than a hundred keys', () => Array.from({ length: 101 }, () => clusterKey.publicJwk)],
  ])('by the keys of before where the file comes to hold %s', async (_, keys) => {
    await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
    replaceBundle({ keys: keys() });
    await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
    replaceBundle({ keys: [spireKey.publicJwk] });
    await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
  });

  test.each(['PS256', 'ES384', 'EdDSA'])('with alg %s', async (alg) => {
    const key = await SigningKey.make(alg, alg, { use: 'jwt-svid' });
    replaceBundle({ keys: [spireKey.publicJwk, key.publicJwk] });
    await expectResponse(key.sign(spiffeClaims()), ENTERED);
  });

  test("by the time of the broker's clock", async () => {
    const token = await clusterKey.sign(clusterClaims());
    bed.clock.advance(2 * 3600);
    await expectResponse(token, TURNED_AWAY);
    await expectResponse(clusterKey.sign(clusterClaims()), ENTERED);
  });

  test('where clocks differ by up to a minute', async () => {
    await expectResponse(clusterKey.sign(clusterClaims({ exp: seconds(-55) })), ENTERED);
    await expectResponse(clusterKey.sign(clusterClaims({ nbf: seconds(55), iat: seconds(55) })), ENTERED);
  });
});

describe('an invalid token is refused', () => {
  const other = SigningKey.make('cluster-1');

  test.each<[string, () => string | Promise<string>]>([
    ['another issuer', () => clusterKey.sign(clusterClaims({ iss: 'https://other.example.com' }))],
    [
      'an issuer written a little differently',
      () => clusterKey.sign(clusterClaims({ iss: `${cluster.url}/` })),
    ],
    ['no issuer', () => clusterKey.sign(clusterClaims({ iss: undefined }))],
    ["another issuer's key", () => googleKey.sign(clusterClaims(), { kid: 'cluster-1' })],
    ["another issuer's key, by its own id", () => googleKey.sign(clusterClaims())],
    ['a forged signature', async () => (await other).sign(clusterClaims())],
    [
      'claims that were changed',
      async () => withClaims(await clusterKey.sign(clusterClaims()), { sub: ROBOT }),
    ],
    ['another audience', () => clusterKey.sign(clusterClaims({ aud: 'https://kubernetes.default.svc' }))],
    ['no audience', () => clusterKey.sign(clusterClaims({ aud: undefined }))],
    ['an expired token', () => clusterKey.sign(clusterClaims({ exp: seconds(-65) }))],
    ['no exp', () => clusterKey.sign(clusterClaims({ exp: undefined }))],
    ['a token that is not yet valid', () => clusterKey.sign(clusterClaims({ nbf: seconds(65) }))],
    ['one from the future', () => clusterKey.sign(clusterClaims({ iat: seconds(65), nbf: undefined }))],
    ['one that lives more than a day', () => clusterKey.sign(clusterClaims({ exp: seconds(24 * 3600 + 1) }))],
    [
      'one that lives more than a day, without iat',
      () => spireKey.sign(spiffeClaims({ exp: seconds(24 * 3600 + 10) })),
    ],
    ['no subject', () => clusterKey.sign(clusterClaims({ sub: undefined }))],
    ['an empty subject', () => clusterKey.sign(clusterClaims({ sub: '' }))],
    ['an unknown subject', () => clusterKey.sign(clusterClaims({ sub: `${REPORTS}2` }))],
    ["another issuer's subject", () => clusterKey.sign(clusterClaims({ sub: ROBOT }))],
    ['another type of JWT', () => clusterKey.sign(clusterClaims(), { typ: 'logout+jwt' })],
    ['an empty type', () => clusterKey.sign(clusterClaims(), { typ: '' })],
    ['a type that begins alike', () => clusterKey.sign(clusterClaims(), { typ: 'application/jwt+x' })],
    ['a trust domain of others', () => spireKey.sign(spiffeClaims({ sub: 'spiffe://example.com/reports' }))],
    ['no SPIFFE ID', () => spireKey.sign(spiffeClaims({ sub: 'spiffe://example.org/../reports' }))],
    [
      'a SPIFFE ID of another trust domain, by a key of this one',
      async () => (await SigningKey.make('spire-1', 'ES256')).sign(spiffeClaims()),
    ],
    [
      'an extension that the broker does not know',
      () => clusterKey.sign(clusterClaims(), { crit: ['x'], x: 1 }),
    ],
    ['no JWT', () => 'eyJhbGciOiJSUzI1NiJ9.bm9uc2Vuc2U.c2ln'],
    ['an array of claims', async () => withPayload(await clusterKey.sign(clusterClaims()), [1])],
  ])('with %s', async (_, token) => {
    await expectResponse(await token(), TURNED_AWAY);
  });

  test('with alg none', async () => {
    const unsecured = new UnsecuredJWT(clusterClaims()).encode();
    await expectResponse(unsecured, TURNED_AWAY);
    const [, payload = ''] = unsecured.split('.');
    for (const alg of ['none', 'None', 'NONE']) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'cluster-1' })).toString('base64url');
      await expectResponse(`${header}.${payload}.`, TURNED_AWAY);
    }
  });

  test("with HS256 and the issuer's public key as the secret", async () => {
    const { n = '' } = clusterKey.publicJwk;
    for (const secret of [JSON.stringify(clusterKey.publicJwk), n]) {
      const forged = new SignJWT(clusterClaims()).setProtectedHeader({ alg: 'HS256', kid: 'cluster-1' });
      await expectResponse(forged.sign(new TextEncoder().encode(secret)), TURNED_AWAY);
    }
  });

  test('with a key that it brings along, or points to', async () => {
    const key = await SigningKey.make('mine');
    const asked = late.asked.length;
    await expectResponse(
      key.sign(clusterClaims(), { jwk: key.publicJwk, jku: `${late.url}/keys` }),
      TURNED_AWAY,
    );
    expect(late.asked).toHaveLength(asked);
  });

  test('with the same response for every reason, so that nothing is learned', async () => {
    const refused = [
      await call(await clusterKey.sign(clusterClaims({ sub: 'unknown' }))),
      await call(await clusterKey.sign(clusterClaims({ exp: seconds(-100) }))),
      await call(`tbk_aaaaaaaaaaaa_${'a'.repeat(43)}`),
      await call('nonsense'),
    ].map(({ status, body: { request_id: _, ...body }, headers }) => ({
      status,
      body,
      challenge: headers.get('www-authenticate'),
    }));
    expect(new Set(refused.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
    expect(refused[0]?.challenge).toContain('Bearer');
  });
});

describe('an identity', () => {
  test('has a policy that holds as for a key', async () => {
    const subject = 'system:serviceaccount:analytics:narrow';
    await create('narrow', { issuer: cluster.url, subject }, { users: ['team-a:*'], scopes: [YOUTUBE] });
    const api = new Api(bed.url, await clusterKey.sign(clusterClaims({ sub: subject })));
    expect((await api.token('team-a:1')).status).toBe(404);
    const refused = await api.token('bob');
    expect(refused).toMatchObject({ status: 403, body: { code: 'not_allowed' } });
    expect(refused.text).toContain('The service narrow may not');
  });

  test('is refused once it is revoked, and then another service can have it', async () => {
    const identity = { issuer: cluster.url, subject: 'system:serviceaccount:analytics:gone' };
    const token = () => clusterKey.sign(clusterClaims({ sub: identity.subject }));
    await create('gone', identity);
    await expectResponse(token(), ENTERED);
    await expect(create('again', identity)).rejects.toThrow('The service gone has this identity already');
    await bed.app.get(ServiceRegistry).revoke('gone');
    await expectResponse(token(), TURNED_AWAY);
    await create('again', identity);
    await expectResponse(token(), ENTERED);
    await expect(bed.sql('UPDATE services SET revoked_at = NULL WHERE name = $1', ['gone'])).rejects.toThrow(
      'services_identity_in_force',
    );
  });

  test('becomes a service only when it is valid and of a trusted issuer', async () => {
    await expect(create('x', { issuer: 'https://other.example.com', subject: 'a' })).rejects.toThrow(
      /^invalid_request: issuer: is not trusted by the broker\. SERVICE_ISSUERS_FILE has .*spiffe:\/\/example\.org/,
    );
    await expect(create('x', { issuer: cluster.url, subject: 'a b' })).rejects.toThrow('subject: must be');
    const issuer = 'spiffe://example.org';
    await expect(create('x', { issuer, subject: 'spiffe://example.com/a' })).rejects.toThrow(
      'subject: must be a SPIFFE ID such as spiffe://example.org/',
    );
  });
});

describe('the keys of an issuer', () => {
  test('are renewed when a token names a new one, and an ended one no longer counts', async () => {
    const next = await SigningKey.make('cluster-2');
    const asked = cluster.asked.length;
    cluster.keys = [next.publicJwk];
    // So soon after the last fetch no caller can cause another one.
    await expectResponse(next.sign(clusterClaims()), TURNED_AWAY);
    expect(cluster.asked).toHaveLength(asked);

    bed.clock.advance(31);
    await expectResponse(next.sign(clusterClaims()), ENTERED);
    expect(cluster.asked).toHaveLength(asked + 1);
    await expectResponse(clusterKey.sign(clusterClaims()), TURNED_AWAY);
    clusterKey = next;
  });

  describe('that cannot be read', () => {
    let key: SigningKey;
    const token = () => key.sign(clusterClaims({ iss: late.url }));
    const UNKNOWN = { status: 503, code: 'issuer_unavailable' };

    beforeEach(async () => {
      key = await SigningKey.make('late-1');
      Object.assign(late, { keys: [key.publicJwk], isDown: false, discovery: {} });
    });

    test('give 503 where the issuer is down, answers for another or points to an unsafe address, and recover afterwards', async () => {
      await create('late', { issuer: late.url, subject: REPORTS });
      late.isDown = true;
      const response = await expectResponse(token(), UNKNOWN);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(response.text).not.toContain(late.url);
      late.isDown = false;
      const faults = [
        { issuer: GOOGLE },
        { jwks_uri: `${late.jwksUri}#x` },
        { jwks_uri: `${late.url}/nowhere` },
      ];
      for (const discovery of faults) {
        bed.clock.advance(31);
        late.discovery = discovery;
        await expectResponse(token(), UNKNOWN);
      }
      late.discovery = {};
      bed.clock.advance(31);
      await expectResponse(token(), ENTERED);
      // What is known stays known while the issuer is away.
      late.isDown = true;
      await expectResponse(token(), ENTERED);
      expect(bed.log()).toContain("an issuer's keys are unavailable");
    });
  });
});

describe('the keys of an issuer under forged or failing input', () => {
  const UNKNOWN = { status: 503, code: 'issuer_unavailable' };
  const known = () => clusterKey.sign(clusterClaims());
  let forger: SigningKey;
  const forged = (kid: string) => forger.sign(clusterClaims(), { kid });

  beforeAll(async () => {
    forger = await SigningKey.make('forged');
  });
  const restore = () => {
    Object.assign(cluster, { isDown: false, keys: [clusterKey.publicJwk], movedTo: '/keys' });
  };
  beforeEach(async () => {
    restore();
    await bed.restart();
  });
  afterAll(restore);

  test('stay valid for its tokens after a forged JWT with an unknown key id while the issuer is down', async () => {
    await expectResponse(known(), ENTERED);
    cluster.isDown = true;
    for (const seconds of [0, 31, 31, 3600, 2 * 86_400]) {
      bed.clock.advance(seconds);
      await call(await forged('unknown'));
      await expectResponse(known(), ENTERED);
    }
    // Nothing is known about a key that may have been published meanwhile.
    await expectResponse(forged('another'), UNKNOWN);
  });

  test('are requested once for a hundred forged JWTs, each with a key id of its own', async () => {
    await expectResponse(known(), ENTERED);
    bed.clock.advance(31);
    const asked = cluster.asked.length;
    for (let batch = 0; batch < 5; batch++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => call(await forged(`${batch}-${index}`))),
      );
    }
    expect(cluster.asked.slice(asked)).toEqual(['/keys']);
    await expectResponse(known(), ENTERED);
  });

  test('are requested once in five seconds for a hundred calls, where the issuer is down and was never reached', async () => {
    cluster.isDown = true;
    const asked = cluster.asked.length;
    const token = await known();
    for (let batch = 0; batch < 5; batch++) {
      await Promise.all(Array.from({ length: 20 }, () => expectResponse(token, UNKNOWN)));
    }
    expect(cluster.asked.length - asked).toBe(1);
    cluster.isDown = false;
    bed.clock.advance(5);
    await expectResponse(known(), ENTERED);
  });

  test.each<[string, () => unknown]>([
    ['no keys', () => []],
    ['no list of keys', () => 'none'],
    ['a key set of thousands', () => Array.from({ length: 10_000 }, () => forger.publicJwk)],
    ['secret keys only', () => [{ kty: 'oct', k: 'c2VjcmV0', kid: clusterKey.kid }]],
  ])('stay as they were where the issuer publishes %s', async (_, keys) => {
    await expectResponse(known(), ENTERED);
    cluster.keys = keys() as never;
    for (const seconds of [31, 3600, 86_400]) {
      bed.clock.advance(seconds);
      await call(await forged('unknown'));
      await expectResponse(known(), ENTERED);
    }
  });

  test('spoil only their own tokens where one of them is broken', async () => {
    cluster.keys = [
      null as never,
      { kty: 'RSA', kid: 'giant', n: 'A'.repeat(100_000), e: 'AQAB' },
      { kty: 'EC', kid: 'broken', crv: 'P-256', x: '!', y: '!' },
      clusterKey.publicJwk,
    ];
    await expectResponse(known(), ENTERED);
    expect((await call(await forged('broken'))).status).not.toBe(500);
    await expectResponse(forged('giant'), TURNED_AWAY);
    await expectResponse(known(), ENTERED);
  });

  test('count for ten minutes at most after the issuer withdraws them, and no call waits for a renewal before', async () => {
    await expectResponse(known(), ENTERED);
    const next = await SigningKey.make('cluster-next');
    cluster.keys = [next.publicJwk];
    bed.clock.advance(5 * 60);
    await expectResponse(known(), ENTERED);
    await expectResponse(next.sign(clusterClaims()), ENTERED);
    await expectResponse(known(), TURNED_AWAY);
    cluster.keys = [clusterKey.publicJwk];
    bed.clock.advance(11 * 60);
    await expectResponse(next.sign(clusterClaims()), TURNED_AWAY);
  });

  test('are found at their new address after they moved', async () => {
    await expectResponse(known(), ENTERED);
    cluster.movedTo = '/new-keys';
    bed.clock.advance(11 * 60);
    await expectResponse(known(), ENTERED);
    expect(cluster.asked.at(-1)).toBe('/new-keys');
  });

  test.each(['', 'not json', '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'])(
    'stay as they were where their file breaks (%s) while the broker runs, until it is whole',
    async (content) => {
      replaceBundle({ keys: [spireKey.publicJwk] });
      await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
      replaceBundle(content);
      await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
      const next = await SigningKey.make('spire-next', 'ES256', { use: 'jwt-svid' });
      await expectResponse(next.sign(spiffeClaims()), UNKNOWN);
      replaceBundle({ keys: [spireKey.publicJwk, next.publicJwk] });
      await expectResponse(next.sign(spiffeClaims()), ENTERED);
      replaceBundle({ keys: [spireKey.publicJwk] });
    },
  );

  test('have an outage logged once, not for each call', async () => {
    await expectResponse(known(), ENTERED);
    cluster.isDown = true;
    const complaints = () => bed.log().split("an issuer's keys are unavailable").length;
    const before = complaints();
    for (let call = 0; call < 5; call++) {
      bed.clock.advance(31);
      await expectResponse(forged(`${call}`), UNKNOWN);
    }
    expect(complaints() - before).toBe(1);
  });
});

test('calls are counted by service, however often its token changes, and no other caller can exhaust them', async () => {
  await bed.restart({ SERVICE_RATE_LIMIT: '3' });
  const token = (jti: number, claims: JWTPayload = {}) =>
    clusterKey.sign(clusterClaims({ jti: `${jti}`, ...claims }));
  const forger = await SigningKey.make(clusterKey.kid);
  for (let jti = 0; jti < 5; jti++) {
    await expectResponse(forger.sign(clusterClaims({ jti: `${jti}` })), TURNED_AWAY);
  }
  for (let jti = 0; jti < 3; jti++) await expectResponse(token(jti), ENTERED);
  const limited = await expectResponse(token(4), { status: 429, code: 'rate_limited' });
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(limited.headers.get('x-ratelimit-remaining')).toBe('0');
  await expectResponse(spireKey.sign(spiffeClaims()), ENTERED);
});

test('nothing of any token is in the log', () => {
  const log = bed.log();
  expect(log).toContain('a JWT was refused');
  expect(tokens.length).toBeGreaterThan(50);
  for (const token of tokens) {
    for (const part of token.split('.').filter((text) => text.length > 5)) expect(log).not.toContain(part);
  }
  expect(log).not.toContain(REPORTS);
});

const encoded = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url');

function withPayload(token: string, payload: unknown): string {
  const [header, , signature] = token.split('.');
  return [header, encoded(payload), signature].join('.');
}

function withClaims(token: string, changes: JWTPayload): string {
  const [, payload = ''] = token.split('.');
  return withPayload(token, {
    ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload),
    ...changes,
  });
}
