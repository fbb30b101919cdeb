/** Google's Cross-Account Protection, delivered by the stand-in over HTTP as Google does. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import type { SecurityEventOptions } from '../../sandbox/google/risc/security-events.js';
import { contractOf } from '../support/contract.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const DAY = 24 * 3600;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

const account = { subject_type: 'iss-sub', iss: 'https://accounts.google.com/', sub: ALICE.sub };
/** The stand-in is the issuer here. */
const subject = () => ({ ...account, iss: `${bed.google.url}/` });

async function send(order: SecurityEventOptions) {
  const to = order.to === undefined ? `${bed.url}/security-events/google` : order.to;
  const { token, status, body } = await bed.google.control.sendSecurityEvent({ ...order, to });
  return { token, status, body };
}

async function post(body: string, type = 'application/secevent+jwt') {
  const response = await fetch(`${bed.url}/security-events/google`, {
    method: 'POST',
    headers: { 'content-type': type, accept: 'text/html, application/json' },
    body,
  });
  const text = await response.text();
  const contentType = response.headers.get('content-type');
  const isJson = contentType?.includes('json') ?? false;
  const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
  const { status } = response;
  if (status >= 400) {
    expect(contentType).toBe('application/json; charset=utf-8');
    expect(response.headers.get('content-language')).toBe('en');
  }
  if (status === 400 || status === 503) {
    (await contractOf(bed.url)).check('POST', '/security-events/google', status, contentType, parsed);
  }
  return { status, text, body: parsed, retryAfter: Number(response.headers.get('retry-after')) };
}

const tokenOf = async (order: SecurityEventOptions) => (await send({ ...order, to: null })).token;

const connect = (
  user_id = 'alice',
  more: Record<string, unknown> = {},
  { email } = ALICE as { email: string },
) => bed.api.connect({ user_id, scope: YOUTUBE, ...more }, { account: email });

async function grantsOf(user: string) {
  const { body } = await bed.api.get(`/users/${user}/grants`);
  return body['grants'] as { id: string; status: string; diagnosis: { cause: string } | null }[];
}
const statusOf = async (user: string) => (await grantsOf(user)).map(({ status }) => status);

const refreshesAtGoogle = () => bed.google.control.count('token', 'refresh_token');
const slotsOf = async (user: string) => {
  const [grant] = await grantsOf(user);
  const { body } = await bed.api.get(`/grants/${grant?.id ?? ''}`);
  return (body['slots'] as { used: number }).used;
};
const handled = async () => Number((await bed.sql('SELECT count(*) AS n FROM security_events'))[0]?.['n']);

describe('a security event', () => {
  test('of type tokens-revoked ends every grant of the account in the project at once and for certain', async () => {
    await connect('alice');
    await connect('alice', { client: 'second' });
    await connect('other', { client: 'second' });
    await connect('abroad', { client: 'elsewhere' });
    await connect('bob', {}, BOB);
    expect(await send({ type: 'tokens-revoked', subject: subject(), audience: 'default' })).toMatchObject({
      status: 202,
      body: '',
    });

    expect(await statusOf('alice')).toEqual(['revoked', 'revoked']);
    expect(await statusOf('other')).toEqual(['revoked']);
    expect(await statusOf('abroad')).toEqual(['active']);
    expect(await statusOf('bob')).toEqual(['active']);
    const before = refreshesAtGoogle();
    const { status, body } = await bed.api.token('alice', { client: 'default' });
    expect(status).toBe(410);
    expect(body).toMatchObject({ cause: 'user_revoked', confidence: 'certain', who_must_act: 'user' });
    expect(body['connect_url']).toBeDefined();
    expect(refreshesAtGoogle()).toBe(before);
    expect(await slotsOf('other')).toBe(0);
    expect(await slotsOf('abroad')).toBe(1);
    expect(
      await bed.sql('SELECT 1 FROM grants WHERE status = $1 AND sealed_refresh_token IS NOT NULL', [
        'revoked',
      ]),
    ).toEqual([]);
  });

  exhaustive.test.each([{ toe: Date.now() }, { toe: -8e12 + 1 }, { toe: 7e12 }, { toe: 0 }])(
    'with an impossible time, such as %j, is not believed',
    async (times) => {
      await connect('alice');
      const token = await tokenOf({ type: 'tokens-revoked', subject: subject(), claims: times });
      expect((await post(token)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['revoked']);
    },
  );

  exhaustive.test(
    'of type tokens-revoked also ends superseded and unclaimed tokens in the ledger',
    async () => {
      await connect();
      await connect('alice', { scope: 'https://www.googleapis.com/auth/adwords' });
      expect(await slotsOf('alice')).toBe(2);
      await send({ type: 'tokens-revoked', subject: subject() });
      expect(await slotsOf('alice')).toBe(0);
    },
  );

  exhaustive.test(
    'of type tokens-revoked that comes late does not end what the user connected since',
    async () => {
      await connect();
      bed.clock.advance(60);
      const late = await tokenOf({ type: 'tokens-revoked', subject: subject() });
      bed.google.control.revokeByUser(ALICE.sub, 'project-a');
      bed.clock.advance(3600);
      expect((await bed.api.token('alice')).status).toBe(410);
      await connect();
      expect((await post(late)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['active']);
      expect(await slotsOf('alice')).toBe(1);
    },
  );

  exhaustive.describe.each([
    ['prefix', (token: string) => token.slice(0, 16)],
    [
      'hash_base64_sha512_sha512',
      (token: string) =>
        createHash('sha512').update(createHash('sha512').update(token).digest()).digest('base64'),
    ],
  ])('of type token-revoked, named by %s,', (token_identifier_alg, nameOf) => {
    const event = (token: string): SecurityEventOptions => ({
      type: 'token-revoked',
      subject: {
        subject_type: 'oauth_token',
        token_type: 'refresh_token',
        token_identifier_alg,
        token: nameOf(token),
      },
    });
    const tokens = (client = 'default') => bed.google.control.liveRefreshTokens(ALICE.sub, client);

    test('ends the grant that lives on it, and no others', async () => {
      await connect('alice');
      await connect('other');
      const [first] = tokens();
      expect((await send(event(first ?? ''))).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['reconnect_required']);
      expect(await statusOf('other')).toEqual(['active']);
      expect(await slotsOf('other')).toBe(1);
      const { status, body } = await bed.api.token('alice');
      expect(status).toBe(410);
      expect(body).toMatchObject({ cause: 'token_revoked', confidence: 'certain', who_must_act: 'user' });
      expect((await bed.api.token('other')).status).toBe(200);
    });

    test('takes only a superseded token out of the ledger', async () => {
      await connect();
      await connect('alice', { scope: 'https://www.googleapis.com/auth/adwords' });
      const [superseded] = tokens();
      await send(event(superseded ?? ''));
      expect(await statusOf('alice')).toEqual(['active']);
      expect(await slotsOf('alice')).toBe(1);
      expect((await bed.api.token('alice')).status).toBe(200);
    });

    test('does not touch a token of another project', async () => {
      await connect('abroad', { client: 'elsewhere' });
      const [token] = tokens('elsewhere');
      expect((await send(event(token ?? ''))).status).toBe(202);
      expect(await statusOf('abroad')).toEqual(['active']);
    });

    test('accepts an unknown token and changes nothing', async () => {
      await connect();
      expect((await send(event(`1//0${randomUUID()}`))).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['active']);
    });
  });

  test.each(fewOf(['hijacking', undefined, 'a-reason-of-tomorrow'], 1))(
    'of type account-disabled (%s) stops every token until account-enabled, then all is as before',
    async (reason) => {
      await connect();
      await connect('abroad', { client: 'elsewhere' });
      const before = (await bed.api.token('alice')).body['access_token'];
      await send({ type: 'account-disabled', subject: subject(), ...(reason && { reason }) });

      const asked = refreshesAtGoogle();
      const { status, body } = await bed.api.token('alice');
      expect(status).toBe(410);
      expect(body).toMatchObject({
        code: 'reconnect_required',
        cause: 'account_disabled',
        confidence: 'certain',
        who_must_act: 'user',
      });
      expect(refreshesAtGoogle()).toBe(asked);
      expect((await grantsOf('alice'))[0]).toMatchObject({
        status: 'suspended',
        diagnosis: { cause: 'account_disabled' },
      });
      expect(await statusOf('abroad')).toEqual(['active']);
      expect(await slotsOf('alice')).toBe(1);

      await send({ type: 'account-enabled', subject: subject() });
      const again = await bed.api.token('alice');
      expect(again.status).toBe(200);
      expect(again.body['access_token']).not.toBe(before);
      expect((await grantsOf('alice'))[0]).toMatchObject({ status: 'active', diagnosis: null });
    },
  );

  test('of type account-disabled (bulk-account) notifies the app, and revokes nothing', async () => {
    await connect();
    const before = (await bed.api.token('alice')).body['access_token'];
    await send({ type: 'account-disabled', subject: subject(), reason: 'bulk-account', jti: 'bulk-1' });
    expect((await bed.api.token('alice')).body['access_token']).toBe(before);
    expect(bed.log()).toMatch(
      /"event":"account-disabled","jti":"bulk-1".*"grants":1,"reason":"bulk-account"/,
    );
  });

  exhaustive.test(
    'that disables the account during a refresh leaves that refresh without a token',
    async () => {
      await connect();
      bed.clock.advance(3600);
      const before = refreshesAtGoogle();
      // Longer than the events take, shorter than Google's time limit here.
      bed.google.control.latency('token', 1800);
      const underWay = bed.api.token('alice');
      await until(() => refreshesAtGoogle() > before);
      await send({ type: 'account-disabled', subject: subject(), reason: 'hijacking' });
      expect((await underWay).status).toBe(410);
      expect(await bed.sql('SELECT 1 FROM access_tokens')).toEqual([]);
    },
  );

  exhaustive.test.each([
    ['sessions-revoked', ['sessions-revoked']],
    ['account-disabled and account-enabled', ['account-disabled', 'account-enabled']],
  ])('of %s during a refresh makes it run once more, and the first answer is not kept', async (_, types) => {
    await connect();
    bed.clock.advance(3600);
    const before = refreshesAtGoogle();
    // Longer than the events take, shorter than Google's time limit here.
    bed.google.control.latency('token', 1800);
    const underWay = bed.api.token('alice');
    await until(() => refreshesAtGoogle() > before);
    bed.google.control.latency('token', 0);
    for (const type of types) await send({ type, subject: subject() });
    expect((await underWay).status).toBe(200);
    expect(refreshesAtGoogle()).toBe(before + 2);
  });

  exhaustive.test('of sessions-revoked during a refresh leaves no lease that others wait for', async () => {
    await bed.restart({ GOOGLE_TIMEOUT_MS: '20000' });
    try {
      await connect();
      bed.clock.advance(3600);
      const before = refreshesAtGoogle();
      bed.google.control.latency('token', 800);
      const underWay = bed.api.token('alice');
      await until(() => refreshesAtGoogle() > before);
      await send({ type: 'sessions-revoked', subject: subject() });
      // The lease would last for 42 seconds.
      await until(() => refreshesAtGoogle() > before + 1);
      expect((await underWay).status).toBe(200);
    } finally {
      await bed.restart();
    }
  });

  exhaustive.test('ends a suspended grant with a sibling that is revoked', async () => {
    await connect();
    await send({ type: 'account-disabled', subject: subject() });
    bed.clock.advance(60);
    await connect('other', { client: 'second' });
    const [other] = await grantsOf('other');
    const { body } = await bed.api.delete(`/grants/${other?.id ?? ''}`, { mode: 'revoke' });
    expect(body['also_revoked']).toMatchObject([{ user_id: 'alice' }]);
    expect(await statusOf('alice')).toEqual(['revoked']);
  });

  exhaustive.test('leaves a suspended grant that works again once the user connects again', async () => {
    await connect();
    await send({ type: 'account-disabled', subject: subject(), reason: 'hijacking' });
    bed.clock.advance(DAY);
    await connect();
    expect((await bed.api.token('alice')).status).toBe(200);
  });

  exhaustive.test(
    'that is older than what it would undo changes nothing, for account-enabled and account-disabled',
    async () => {
      const oldDisabled = await tokenOf({ type: 'account-disabled', subject: subject() });
      bed.clock.advance(60);
      await connect();
      expect((await post(oldDisabled)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['active']);

      const oldEnabled = await tokenOf({ type: 'account-enabled', subject: subject() });
      bed.clock.advance(60);
      await send({ type: 'account-disabled', subject: subject() });
      expect((await post(oldEnabled)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['suspended']);
    },
  );

  test('of type account-disabled that is older than the last one takes no account-enabled for newer than that', async () => {
    await connect();
    bed.clock.advance(60);
    const oldest = await tokenOf({ type: 'account-disabled', subject: subject() });
    bed.clock.advance(60);
    const enabled = await tokenOf({ type: 'account-enabled', subject: subject() });
    bed.clock.advance(60);
    await send({ type: 'account-disabled', subject: subject(), reason: 'hijacking' });
    const [before] = await bed.sql('SELECT suspended_at, diagnosis FROM grants');
    expect((await post(oldest)).status).toBe(202);
    expect(await bed.sql('SELECT suspended_at, diagnosis FROM grants')).toEqual([before]);
    expect((await post(enabled)).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['suspended']);
    expect((await bed.api.token('alice')).status).toBe(410);

    bed.clock.advance(60);
    await send({ type: 'account-enabled', subject: subject() });
    expect(await statusOf('alice')).toEqual(['active']);
    // Also the suspension that it came before is over.
    const again = await tokenOf({
      type: 'account-disabled',
      subject: subject(),
      claims: { toe: Math.floor(bed.clock.now().getTime() / 1000) - 150 },
    });
    expect((await post(again)).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['active']);
  });

  test('of type account-disabled that arrives after the account-enabled that followed it suspends nothing', async () => {
    await connect();
    bed.clock.advance(60);
    const disabled = await tokenOf({ type: 'account-disabled', subject: subject(), reason: 'hijacking' });
    bed.clock.advance(60);
    await send({ type: 'account-enabled', subject: subject() });
    expect((await post(disabled)).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['active']);
    expect((await bed.api.token('alice')).status).toBe(200);
    bed.clock.advance(60);
    await send({ type: 'account-disabled', subject: subject() });
    expect(await statusOf('alice')).toEqual(['suspended']);
  });

  test.each([
    ['in milliseconds', Date.now()],
    ['in the year 10000', 253_402_300_800],
    ['before the year 1', -7e12],
    ['of a year that PostgreSQL has not', 7e12],
    ['to come', 4_102_444_800],
  ])('with a time %s counts as of now, and a later one counts after it', async (_, toe) => {
    await connect();
    const disabled = await send({ type: 'account-disabled', subject: subject(), claims: { toe } });
    expect(disabled.status).toBe(202);
    expect(await statusOf('alice')).toEqual(['suspended']);
    bed.clock.advance(60);
    expect((await send({ type: 'account-enabled', subject: subject() })).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['active']);
  });

  test('of type account-enabled leaves dead grants dead', async () => {
    await connect();
    await send({ type: 'tokens-revoked', subject: subject() });
    await send({ type: 'account-disabled', subject: subject() });
    expect(await statusOf('alice')).toEqual(['revoked']);
    await send({ type: 'account-enabled', subject: subject() });
    expect(await statusOf('alice')).toEqual(['revoked']);
  });

  test('of type tokens-revoked ends suspended grants too', async () => {
    await connect();
    await send({ type: 'account-disabled', subject: subject() });
    await send({ type: 'tokens-revoked', subject: subject() });
    expect((await bed.api.token('alice')).body['cause']).toBe('user_revoked');
    await send({ type: 'account-enabled', subject: subject() });
    expect(await statusOf('alice')).toEqual(['revoked']);
  });

  test('of type account-purged deletes the grants and frees their slots', async () => {
    await connect();
    await connect('abroad', { client: 'elsewhere' });
    await send({ type: 'account-purged', subject: subject() });
    expect(await grantsOf('alice')).toEqual([]);
    expect((await bed.api.token('alice')).body['code']).toBe('not_connected');
    expect(await statusOf('abroad')).toEqual(['active']);
    expect(await bed.sql('SELECT end_reason FROM refresh_tokens WHERE client = $1', ['default'])).toEqual([
      { end_reason: 'account_purged' },
    ]);
    const events = await bed.sql(
      "SELECT details->>'action' AS action FROM audit_trail WHERE action = 'security.event'",
    );
    expect(events).toEqual([{ action: 'delete' }]);
  });

  test('of type sessions-revoked drops access tokens, and the grant stays active', async () => {
    await connect();
    const before = (await bed.api.token('alice')).body['access_token'];
    await send({ type: 'sessions-revoked', subject: subject() });
    const after = await bed.api.token('alice');
    expect(after.status).toBe(200);
    expect(after.body['access_token']).not.toBe(before);
  });

  test('of type account-credential-change-required notifies the app, and drops nothing', async () => {
    await connect();
    const before = (await bed.api.token('alice')).body['access_token'];
    await send({ type: 'account-credential-change-required', subject: subject(), jti: 'change-1' });
    expect((await bed.api.token('alice')).body['access_token']).toBe(before);
    expect(bed.log()).toMatch(/"event":"account-credential-change-required","jti":"change-1".*"grants":1/);
  });

  test('of type verification shows its state in the log', async () => {
    const state = `state ${randomUUID()}`;
    expect((await send({ type: 'verification', state })).status).toBe(202);
    expect(bed.log()).toContain(`"event":"verification"`);
    expect(bed.log()).toContain(`"state":"${state}"`);
  });

  test('of an unknown type is accepted, the app is notified, and it is not handled twice', async () => {
    const order = { type: 'https://schemas.openid.net/secevent/risc/event-type/of-tomorrow', jti: 'new-1' };
    expect((await send(order)).status).toBe(202);
    expect((await send(order)).status).toBe(202);
    expect(bed.log().match(/"event":"https:[^"]*of-tomorrow","jti":"new-1"/g)).toHaveLength(1);
  });

  test('with several events in one token has them all handled', async () => {
    await connect();
    const type = 'https://schemas.openid.net/secevent/risc/event-type/';
    const events = {
      [`${type}sessions-revoked`]: { subject: subject() },
      [`${type}account-disabled`]: { subject: subject(), reason: 'hijacking' },
    };
    expect((await send({ type: 'verification', claims: { events } })).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['suspended']);
  });
});

exhaustive.describe('the subject of an event', () => {
  test.each([
    [
      'id_token_claims with sub',
      () => ({ ...subject(), subject_type: 'id_token_claims', email: 'old@example.com' }),
    ],
    [
      'id_token_claims with email only',
      () => ({ subject_type: 'id_token_claims', email: 'ALICE@example.com' }),
    ],
    ['iss_sub, as newer drafts write it', () => ({ ...subject(), subject_type: 'iss_sub' })],
    ['an issuer without its slash', () => ({ ...subject(), iss: bed.google.url })],
  ])('is recognised as %s', async (_, named) => {
    await connect();
    await connect('bob', {}, BOB);
    expect((await send({ type: 'tokens-revoked', subject: named() })).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['revoked']);
    expect(await statusOf('bob')).toEqual(['active']);
  });

  test('may be an account that never connected here', async () => {
    await connect();
    const unknownSubject = { ...subject(), sub: '999' };
    for (const type of ['tokens-revoked', 'account-disabled', 'account-purged']) {
      expect((await send({ type, subject: unknownSubject })).status).toBe(202);
    }
    expect(await statusOf('alice')).toEqual(['active']);
  });

  test.each<[string, () => object | undefined]>([
    ['no subject', () => undefined],
    ['no sub', () => ({ ...subject(), sub: undefined })],
    ['an empty sub', () => ({ ...subject(), sub: '' })],
    ['a sub that is no text', () => ({ ...subject(), sub: 7 })],
    ['another issuer', () => ({ ...subject(), iss: 'https://accounts.example.com/' })],
    ['an unknown kind', () => ({ ...subject(), subject_type: 'phone' })],
  ])('is refused with 400 for %s, and nothing is done or stored', async (_, wrong) => {
    await connect();
    const named = wrong();
    const { status, body } = await send({ type: 'account-disabled', ...(named && { subject: named }) });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ err: 'invalid_request', code: 'invalid_request' });
    expect(await statusOf('alice')).toEqual(['active']);
    expect(await handled()).toBe(0);
  });

  test('that cannot be read does not take the others of its token with it, and is logged and counted', async () => {
    await connect();
    const name = (type: string) => `https://schemas.openid.net/secevent/risc/event-type/${type}`;
    const unknown = { subject: { ...subject(), subject_type: 'phone' } };
    const events = (others: object) => ({
      claims: { events: { [name('account-credential-change-required')]: unknown, ...others } },
    });
    const order = { type: 'tokens-revoked', subject: subject() };
    const refused = async () => {
      const text = await (await fetch(`${bed.url}/metrics`)).text();
      const [, count = '0'] =
        /security_events_total\{event="account-credential-change-required",outcome="refused"\} (\d+)/.exec(
          text,
        ) ?? [];
      return Number(count);
    };
    const before = await refused();
    const alone = await tokenOf({ ...order, jti: 'alone', ...events({}) });
    expect((await post(alone)).status).toBe(400);
    expect(await statusOf('alice')).toEqual(['active']);
    const mixed = events({
      [name('sessions-revoked')]: unknown,
      [name('account-disabled')]: { subject: subject() },
    });
    expect((await post(await tokenOf({ ...order, jti: 'mixed', ...mixed }))).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['suspended']);
    expect(await refused()).toBe(before + 2);
    for (const jti of ['alone', 'mixed'])
      expect(bed.log()).toMatch(new RegExp(`"jti":"${jti}".*security event refused`));
  });

  test.each([
    { token_identifier_alg: 'plain', token: '1//0aaaaaaaaaaaaaaaa' },
    { token_identifier_alg: 'prefix', token: '1//0short' },
    { token_identifier_alg: 'hash_base64_sha512_sha512', token: 'dG9vIHNob3J0' },
    { token_identifier_alg: 'prefix', token: '1//0aaaaaaaaaaaaaaaa', token_type: 'access_token' },
    { token_identifier_alg: 'prefix' },
  ])('is refused where token-revoked has %j', async (wrong) => {
    const named = { subject_type: 'oauth_token', token_type: 'refresh_token', ...wrong };
    expect((await send({ type: 'token-revoked', subject: named })).status).toBe(400);
  });
});

describe('the sender of an event', () => {
  const order = (): SecurityEventOptions => ({ type: 'tokens-revoked', subject: subject() });
  const refused = async (token: string, err: string, type?: string) => {
    await connect();
    const { status, body } = await post(token, type);
    expect({ status, err: body['err'] }).toEqual({ status: 400, err });
    // RFC 8935 section 2.3, beside the members of every problem.
    expect(body).toMatchObject({
      description: expect.any(String),
      code: 'invalid_request',
      status: 400,
      request_id: expect.any(String),
    });
    expect(await statusOf('alice')).toEqual(['active']);
    expect(await handled()).toBe(0);
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const read = (token: string, index: number) =>
    JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString()) as Record<string, unknown>;
  const headerOf = (token: string) => read(token, 0) as { kid: string };
  const claimsOf = (token: string) => read(token, 1);

  exhaustive.test.each([
    'application/secevent+jwt',
    'application/jwt',
    'text/plain',
    'application/secevent+jwt; charset=utf-8',
  ])('may use a body of type %s', async (type) => {
    expect((await post(`${await tokenOf(order())}\n`, type)).status).toBe(202);
  });

  test('is refused with an altered claim, as the signature is bad', async () => {
    const [header, payload, signature] = (await tokenOf(order())).split('.');
    const claims = claimsOf(`.${payload ?? ''}`);
    await refused([header, part({ ...claims, jti: 'other' }), signature].join('.'), 'invalid_key');
  });

  exhaustive.test.each(['its own id', 'the id of a key of Google'])(
    'is refused with a key that Google does not have, under %s',
    async (id) => {
      const token = await tokenOf(order());
      const { kid } = headerOf(token);
      const { privateKey } = await generateKeyPair('RS256');
      const forged = await new SignJWT(claimsOf(token))
        .setProtectedHeader({ alg: 'RS256', kid: id === 'its own id' ? 'unknown' : kid })
        .sign(privateKey);
      await refused(forged, 'invalid_key');
    },
  );

  exhaustive.test.each(['none', 'HS256'])('is refused with alg %s', async (alg) => {
    const token = await tokenOf(order());
    const unsigned = `${part({ alg, typ: 'secevent+jwt' })}.${token.split('.')[1] ?? ''}.`;
    await refused(alg === 'none' ? unsigned : `${unsigned}c2lnbmF0dXJl`, 'invalid_key');
  });

  exhaustive.test('is refused with HS256 and the public key as secret', async () => {
    const token = await tokenOf(order());
    const certs = (await (await fetch(`${bed.google.url}/oauth2/v1/certs`)).json()) as Record<string, string>;
    const [kid = '', pem = ''] = Object.entries(certs)[0] ?? [];
    const forged = await new SignJWT(claimsOf(token))
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(new TextEncoder().encode(pem));
    await refused(forged, 'invalid_key');
  });

  exhaustive.test.each([
    ['another issuer', { iss: 'https://accounts.example.com/' }, 'invalid_issuer'],
    ['the issuer of id_tokens, without the slash', { iss: 'https://accounts.google.com' }, 'invalid_issuer'],
    ['no issuer', { iss: null }, 'invalid_issuer'],
    ['another audience', { aud: 'another.apps.googleusercontent.com' }, 'invalid_audience'],
    ['no audience', { aud: null }, 'invalid_audience'],
    ['an audience that is no text', { aud: [{}] }, 'invalid_audience'],
    ['no jti', { jti: null }, 'invalid_request'],
    ['an empty jti', { jti: '' }, 'invalid_request'],
    ['a jti that is no text', { jti: 7 }, 'invalid_request'],
    ['an endless jti', { jti: 'x'.repeat(300) }, 'invalid_request'],
    ['no events, as an id_token has none', { events: null }, 'invalid_request'],
    ['empty events', { events: {} }, 'invalid_request'],
    ['events that are a list', { events: [] }, 'invalid_request'],
    [
      'an event that is no object',
      { events: { 'https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked': 'x' } },
      'invalid_request',
    ],
  ])('is refused with %s', async (_, claims, err) => {
    await refused(await tokenOf({ ...order(), claims }), err);
  });

  exhaustive.test.each(['', 'garbage', 'a.b.c', 'eyJhbGciOiJSUzI1NiIsImtpZCI6', '{"events":{}}'])(
    'is refused with the body %j',
    async (body) => {
      await refused(body, 'invalid_request');
    },
  );

  exhaustive.test('is refused with JSON, which is no event', async () => {
    await refused(JSON.stringify({ token: await tokenOf(order()) }), 'invalid_request', 'application/json');
  });

  exhaustive.test('is refused with another content type, and with a body that is too large', async () => {
    expect((await post('<x/>', 'application/xml')).status).toBe(415);
    for (const type of ['application/secevent+jwt', 'text/plain']) {
      expect((await post('x'.repeat(20_000), type)).status).toBe(413);
    }
  });

  exhaustive.test('may be late or early, as an event has happened', async () => {
    await connect();
    const claims = { exp: 1, nbf: 4_000_000_000 };
    expect((await send({ ...order(), claims })).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['revoked']);
  });

  exhaustive.test('may name several audiences, one of which is a client of the broker', async () => {
    await connect();
    expect((await send({ ...order(), audience: ['another', 'default'] })).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['revoked']);
  });
});

describe('an event', () => {
  const order = (more: Partial<SecurityEventOptions> = {}): SecurityEventOptions => ({
    type: 'tokens-revoked',
    subject: subject(),
    ...more,
  });

  test('that is repeated is accepted and does nothing', async () => {
    await connect();
    const disabled = await tokenOf(order({ type: 'account-disabled' }));
    expect((await post(disabled)).status).toBe(202);
    await send(order({ type: 'account-enabled' }));
    expect((await post(disabled)).status).toBe(202);
    expect(await statusOf('alice')).toEqual(['active']);
  });

  exhaustive.test('that is delivered five times at once is handled once', async () => {
    await connect();
    const token = await tokenOf(order({ jti: 'at-once' }));
    const responses = await Promise.all(Array.from({ length: 5 }, () => post(token)));
    expect(responses.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    expect(bed.log().match(/"event":"tokens-revoked","jti":"at-once"/g)).toHaveLength(1);
  });

  exhaustive.test(
    'that the database fails halfway gets 500 and does nothing, and the next delivery does it all',
    async () => {
      await connect();
      await bed.sql(
        `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'unwell'; END $$`,
      );
      await bed.sql('CREATE TRIGGER unwell BEFORE UPDATE ON refresh_tokens EXECUTE FUNCTION fail()');
      const token = await tokenOf(order());
      try {
        expect((await post(token)).status).toBe(500);
      } finally {
        await bed.sql('DROP TRIGGER unwell ON refresh_tokens');
        await bed.sql('DROP FUNCTION fail()');
      }
      expect(await statusOf('alice')).toEqual(['active']);
      expect(await handled()).toBe(0);
      expect((await post(token)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['revoked']);
    },
  );

  exhaustive.test('is stored for 30 days', async () => {
    await send(order({ jti: 'old' }));
    bed.clock.advance(29 * DAY);
    await send(order({ jti: 'newer' }));
    expect(await handled()).toBe(2);
    bed.clock.advance(2 * DAY);
    await send(order({ jti: 'newest' }));
    expect(await bed.sql('SELECT jti FROM security_events ORDER BY received_at')).toEqual([
      { jti: 'newer' },
      { jti: 'newest' },
    ]);
  });
});

exhaustive.describe("Google's discovery document and keys", () => {
  const pair = generateKeyPair('RS256');
  /** Signed by another party, under an unknown key id. */
  const forge = async () =>
    new SignJWT({ iss: bed.google.url, aud: 'default', jti: randomUUID(), events: {} })
      .setProtectedHeader({ alg: 'RS256', kid: randomUUID() })
      .sign((await pair).privateKey);

  beforeEach(() => bed.restart());

  test('are fetched once', async () => {
    for (let each = 0; each < 3; each++) {
      await send({ type: 'verification', state: 'x' });
    }
    expect(bed.google.control.count('risc_configuration')).toBe(1);
    expect(bed.google.control.count('certs')).toBe(1);
  });

  test.each(['risc_configuration', 'certs'] as const)(
    'leave the same event valid later where %s cannot be read, after 503 with Retry-After',
    async (endpoint) => {
      await connect();
      bed.google.control.failAlways(endpoint, { status: 503, body: 'unwell' });
      await bed.restart();
      const token = await tokenOf({ type: 'tokens-revoked', subject: subject() });
      const unwell = await post(token);
      expect(unwell.status).toBe(503);
      expect(unwell.retryAfter).toBeGreaterThan(0);
      bed.google.control.clearFaults();
      bed.clock.advance(unwell.retryAfter);
      expect((await post(token)).status).toBe(202);
      expect(await statusOf('alice')).toEqual(['revoked']);
    },
  );

  test.each(['risc_configuration', 'certs'] as const)(
    'are requested once where %s cannot be read, however many events come, forged ones too',
    async (endpoint) => {
      bed.google.control.clearRequests();
      bed.google.control.failAlways(endpoint, { status: 503, body: 'unwell' });
      const forged = await forge();
      const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await post(forged)).status));
      statuses.push((await post(forged)).status);
      expect(new Set(statuses)).toEqual(new Set([503]));
      expect(bed.google.control.count(endpoint)).toBe(1);
      bed.google.control.clearFaults();
    },
  );

  test('are not fetched again for forged events with key ids of their own, and none is removed', async () => {
    await send({ type: 'verification', state: 'x' });
    bed.google.control.clearRequests();
    bed.google.control.failAlways('certs', { status: 503, body: 'unwell' });
    bed.google.control.failAlways('risc_configuration', { status: 503, body: 'unwell' });
    for (const seconds of [0, 31, 3600, 2 * 86_400]) {
      bed.clock.advance(seconds);
      for (let each = 0; each < 5; each++) expect([400, 503]).toContain((await post(await forge())).status);
      expect((await post(await tokenOf({ type: 'verification', state: 'x' }))).status).toBe(202);
    }
    expect(bed.google.control.count('certs')).toBeLessThan(5);
    expect(bed.google.control.count('risc_configuration')).toBeLessThan(5);
    bed.google.control.clearFaults();
  });
});

test('no token, prefix or hash of a token is logged', async () => {
  await connect();
  const [token = ''] = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
  const name = token.slice(0, 16);
  const named = {
    subject_type: 'oauth_token',
    token_type: 'refresh_token',
    token_identifier_alg: 'prefix',
    token: name,
  };
  await send({ type: 'token-revoked', subject: named });
  expect(await statusOf('alice')).toEqual(['reconnect_required']);
  expect(bed.log()).not.toContain(name);
});
