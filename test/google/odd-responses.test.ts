import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { guideHierarchy } from '../../sandbox/google/ads/hierarchy.js';
import { isPlainText } from '../../src/domain/text.js';
import { testOfOneServer } from '../support/cluster.js';
import { ADS, ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

/**
 * Responses that Google should not give, from Google in an incident, a proxy or a stand-in. None of
 * them may cost a user the grant, change what it holds, or reach a caller as a token.
 */
const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const WHOLE = `openid ${EMAIL} ${YOUTUBE} ${YOUTUBE_MONEY}`;
const TOKEN = `ya29.${'a'.repeat(180)}`;

const good = (changes: object = {}) => ({
  access_token: TOKEN,
  expires_in: 3599,
  token_type: 'Bearer',
  scope: WHOLE,
  ...changes,
});
const text = (changes: object = {}) => JSON.stringify(good(changes));

interface Odd {
  readonly status?: number;
  readonly body: object | string;
  readonly headers?: Record<string, string>;
}

/** Retried later; nothing of it is kept. */
const BROKEN: readonly (readonly [string, Odd])[] = [
  ['a scope that is a list', { body: good({ scope: [YOUTUBE] }) }],
  ['a scope that is a number', { body: good({ scope: 0 }) }],
  ['a scope that is an object', { body: good({ scope: {} }) }],
  [
    'a scope of which nothing was granted',
    { body: good({ scope: 'https://www.googleapis.com/auth/unknown' }) },
  ],
  ['a scope with a control character', { body: good({ scope: `${YOUTUBE}\u0000 openid` }) }],
  ['a scope with an umlaut', { body: good({ scope: `openid ${YOUTUBE}ü` }) }],
  ['a scope of 300 characters', { body: good({ scope: `openid https://x.example/${'a'.repeat(300)}` }) }],
  ['token_type mac', { body: good({ token_type: 'mac' }) }],
  ['token_type DPoP', { body: good({ token_type: 'DPoP' }) }],
  ['token_type N_A', { body: good({ token_type: 'N_A' }) }],
  ['no token_type', { body: good({ token_type: undefined }) }],
  ['an empty token_type', { body: good({ token_type: '' }) }],
  ['a token_type that is a list', { body: good({ token_type: ['Bearer'] }) }],
  ['an access token with a line break', { body: good({ access_token: `${TOKEN}\r\nx-evil: 1` }) }],
  ['an access token with a NUL', { body: good({ access_token: `${TOKEN}\u0000` }) }],
  ['an access token with a space', { body: good({ access_token: `${TOKEN} b` }) }],
  ['an access token with an umlaut', { body: good({ access_token: `${TOKEN}ä` }) }],
  ['an access token with a quote', { body: good({ access_token: `${TOKEN}"` }) }],
  [
    'an access token with half a surrogate pair',
    { body: `{"access_token":"a\\ud800","token_type":"Bearer"}` },
  ],
  [
    'an access token that is a character longer than Google promises',
    {
      body: good({ access_token: 'a'.repeat(2049) }),
    },
  ],
  ['an access token of 16 kB', { body: good({ access_token: 'a'.repeat(16_384) }) }],
  ['an empty access token', { body: good({ access_token: '' }) }],
  ['no access token', { body: good({ access_token: undefined }) }],
  ['an access token that is a number', { body: good({ access_token: 4711 }) }],
  ['an access token that is an object', { body: good({ access_token: { value: TOKEN } }) }],
  ['a refresh token with a line break', { body: good({ refresh_token: '1//new\nline' }) }],
  ['a refresh token with a space', { body: good({ refresh_token: '1//new token' }) }],
  ['a refresh token with an umlaut', { body: good({ refresh_token: '1//ü' }) }],
  ['a refresh token of 8 kB', { body: good({ refresh_token: 'r'.repeat(8192) }) }],
  ['a refresh token that is an object', { body: good({ refresh_token: {} }) }],
  ['a refresh token that is true', { body: good({ refresh_token: true }) }],
  ['an id_token that is a number', { body: good({ id_token: 1 }) }],
  [
    'two access tokens',
    { body: `{"access_token":"${TOKEN}","token_type":"Bearer","access_token":"${TOKEN}b"}` },
  ],
  [
    'two scopes',
    { body: `{"access_token":"${TOKEN}","token_type":"Bearer","scope":"openid","scope":"${WHOLE}"}` },
  ],
  [
    'two access tokens, one spelt with an escape',
    { body: `{"access_token":"${TOKEN}","token_type":"Bearer","\\u0061ccess_token":"b"}` },
  ],
  ['a list', { body: [good()] }],
  ['null', { body: 'null' }],
  ['a text', { body: '"token"' }],
  ['a number', { body: '4711' }],
  ['nothing', { body: '' }],
  ['half an object', { body: text().slice(0, 60) }],
  ['an object and more', { body: `${text()}{}` }],
  ['a form', { body: `access_token=${TOKEN}&token_type=Bearer` }],
  ['a page with 200', { body: '<html><title>Sign in to the network</title></html>' }],
  [
    '200 with an error',
    { body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' } },
  ],
  ['200 with an error beside a token', { body: good({ error: 'invalid_grant' }) }],
  ['201 with a token', { status: 201, body: good() }],
  ['202 with an error', { status: 202, body: { error: 'invalid_grant' } }],
  ['204', { status: 204, body: '' }],
  ['206 with a token', { status: 206, body: good() }],
  ['302 elsewhere', { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } }],
  ['307 elsewhere', { status: 307, body: '', headers: { location: 'http://127.0.0.1:9/' } }],
  ['304', { status: 304, body: '' }],
  ['400 with nothing', { status: 400, body: '' }],
  ['400 with a page that says invalid_grant', { status: 400, body: '<html>invalid_grant</html>' }],
  ['400 with a list', { status: 400, body: ['invalid_grant'] }],
  ['400 with null', { status: 400, body: 'null' }],
  ['400 and an error that is a list', { status: 400, body: { error: ['invalid_grant'] } }],
  [
    '400 and an error that is an object',
    { status: 400, body: { error: { code: 400, status: 'invalid_grant' } } },
  ],
  ['400 and an error in odd case', { status: 400, body: { error: 'Invalid_Grant' } }],
  ['400 and an error with a space', { status: 400, body: { error: 'invalid_grant ' } }],
  ['400 and two errors', { status: 400, body: '{"error":"internal_failure","error":"invalid_grant"}' }],
  ['400 and an error that names a member of all objects', { status: 400, body: { error: 'constructor' } }],
  ['400 and an error of no known name', { status: 400, body: { error: 'quux' } }],
  ['401 with invalid_grant', { status: 401, body: { error: 'invalid_grant' } }],
  ['403 with invalid_grant', { status: 403, body: { error: 'invalid_grant' } }],
  [
    '403 with JSON of another API',
    { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED' } } },
  ],
  ['404 with invalid_grant', { status: 404, body: { error: 'invalid_grant' } }],
  ['404 with admin_policy_enforced', { status: 404, body: { error: 'admin_policy_enforced' } }],
  ['410 with invalid_grant', { status: 410, body: { error: 'invalid_grant' } }],
  ['429 with invalid_grant', { status: 429, body: { error: 'invalid_grant' } }],
  ['500 with invalid_grant', { status: 500, body: { error: 'invalid_grant' } }],
  ['503 with invalid_client', { status: 503, body: { error: 'invalid_client' } }],
];

/** Broken in a code exchange only: it would count as all that was asked for, which the user may have unticked. */
const BROKEN_CODE_EXCHANGE: readonly (readonly [string, Odd])[] = [
  ['an empty scope', { body: good({ scope: '' }) }],
  ['a scope of spaces', { body: good({ scope: '   ' }) }],
];

/** Odd, and as good as any other. */
const GOOD: readonly (readonly [string, Odd])[] = [
  ['a byte order mark', { body: `\uFEFF${text()}` }],
  ['text/plain', { body: text(), headers: { 'content-type': 'text/plain' } }],
  ['bearer in lower case', { body: good({ token_type: 'bearer' }) }],
  ['BEARER in upper case', { body: good({ token_type: 'BEARER' }) }],
  ['scopes in another order', { body: good({ scope: WHOLE.split(' ').toReversed().join(' ') }) }],
  ['scopes under their other names', { body: good({ scope: WHOLE.replace(EMAIL, 'email') }) }],
  ['scopes twice, and more spaces', { body: good({ scope: `  ${WHOLE}   ${WHOLE} ` }) }],
  [
    'tabs and line breaks between scopes',
    { body: good({ scope: WHOLE.replaceAll(' ', '\t').replace('\t', '\r\n') }) },
  ],
  ['no scope', { body: good({ scope: undefined }) }],
  ['scope null', { body: good({ scope: null }) }],
  ['an empty scope', { body: good({ scope: '' }) }],
  ['a scope of spaces', { body: good({ scope: '   ' }) }],
  ['an access token of the length that Google promises', { body: good({ access_token: 'a'.repeat(2048) }) }],
  ['an empty refresh token', { body: good({ refresh_token: '' }) }],
  ['a refresh token null', { body: good({ refresh_token: null }) }],
  ['refresh_token_expires_in 0 alone', { body: good({ refresh_token_expires_in: 0 }) }],
  ['expires_in as text', { body: good({ expires_in: '3599' }) }],
  ['expires_in as a fraction', { body: good({ expires_in: 3599.9 }) }],
  ['expires_in of a thousand years', { body: good({ expires_in: 31_536_000_000 }) }],
  ['expires_in without end', { body: text().replace('3599', '1e400') }],
  ['expires_in null', { body: good({ expires_in: null }) }],
  ['expires_in true', { body: good({ expires_in: true }) }],
  ['expires_in as a word and digits', { body: good({ expires_in: '3599 seconds' }) }],
  ['expires_in below zero', { body: good({ expires_in: -3599 }) }],
  ['unknown members, also deep ones', { body: good({ x: { scope: '', scope2: [{ access_token: '' }] } }) }],
  ['an id_token of another issuer', { body: good({ id_token: 'eyJhbGciOiJub25lIn0.e30.AA' }) }],
  ['a token with every character that one may have', { body: good({ access_token: 'ya29.aZ09-._~+/==' }) }],
];

describe('an odd response from Google', () => {
  let bed: TestBed;
  beforeAll(async () => {
    // A failure of Google Ads is not cached: each answer is looked at by itself.
    bed = await startTestBed({ ADS_MIN_AGE: '0' });
    await bed.api.connect(
      { user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
      { account: ALICE.email },
    );
  });
  afterAll(() => bed.stop());

  const stored = () =>
    bed.sql(`SELECT id, status, version, granted_scopes, requested_scopes, diagnosis, sealed_refresh_token,
      refresh_token_expires_at, (SELECT count(*)::int FROM refresh_tokens WHERE ended_at IS NULL) AS slots,
      (SELECT array_agg(scope_set) FROM access_tokens) AS kept FROM grants`);
  const respondWith = ({ status = 200, body, headers = {} }: Odd) => {
    const raw = typeof body === 'string' ? body : JSON.stringify(body);
    bed.google.control.failNext('token', {
      status,
      body: raw,
      headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    });
  };
  const askAfterExpiry = async (odd: Odd) => {
    // The longest that any token is believed to live.
    bed.clock.advance(87_000);
    await bed.afterBackoff();
    const before = await stored();
    respondWith(odd);
    bed.google.control.clearRequests();
    const response = await bed.api.token('alice');
    expect(bed.google.control.count('token')).toBe(1);
    return { response, before, after: await stored() };
  };

  test.each(BROKEN)('is broken where it has %s', async (_, odd) => {
    const { response, before, after } = await askAfterExpiry(odd);
    expect([response.status, response.body['code']]).toEqual([503, 'google_unavailable']);
    expect(response.text).not.toContain('ya29.');
    expect(after).toEqual(before);
    await bed.afterBackoff();
    const next = await bed.api.token('alice');
    expect([next.status, next.body['scope']]).toEqual([200, WHOLE.split(' ').sort().join(' ')]);
  });

  test.each(GOOD)('is valid where it has %s', async (_, odd) => {
    const { response, before, after } = await askAfterExpiry(odd);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ token_type: 'Bearer', scope: WHOLE.split(' ').sort().join(' ') });
    expect(response.body['expires_in']).toBeGreaterThan(0);
    expect(response.body['expires_in']).toBeLessThanOrEqual(86_400);
    expect(after).toEqual(before);
  });

  test('changes nothing about the grant where it has the stored refresh token again', async () => {
    const [held] = bed.google.control.liveRefreshTokens(ALICE.sub, 'default');
    const odd = { body: good({ refresh_token: held, refresh_token_expires_in: 0 }) };
    const { response, before, after } = await askAfterExpiry(odd);
    expect(response.status).toBe(200);
    expect(after).toEqual(before);
  });

  test.each([
    ['a scope of which nothing was granted', { scope: 'https://www.googleapis.com/auth/unknown' }],
    ['a scope that is a list', { scope: [YOUTUBE] }],
    ['token_type mac', { token_type: 'mac' }],
    ['no access token', { access_token: null }],
    ['an access token with a line break', { access_token: `${TOKEN}\r\nx-evil: 1` }],
    ['an id_token that is a number', { id_token: 1 }],
  ])('has its new refresh token stored although it is broken by %s', async (_, broken) => {
    const { control } = bed.google;
    bed.clock.advance(87_000);
    await bed.afterBackoff();
    control.rotateRefreshTokens(true);
    control.overrideTokenResponse(broken, 1);
    control.clearRequests();
    // As after some failures: the backoff, which the database's clock ends, is half a minute at least, and outlasts the calls below.
    await bed.sql('UPDATE grants SET refresh_failures = 6');
    const [before] = await stored();
    try {
      const { status, body } = await bed.api.token('alice');
      expect([status, body['code']]).toEqual([503, 'google_unavailable']);
      // During the backoff Google is not asked again, with the new one either.
      expect((await bed.api.token('alice')).status).toBe(503);
      bed.clock.advance(2);
      expect((await bed.api.token('alice')).status).toBe(503);
      expect(control.count('token')).toBe(1);
    } finally {
      control.rotateRefreshTokens(false);
    }
    // The one before does not work any more.
    await bed.afterBackoff();
    const next = await bed.api.token('alice');
    expect([next.status, next.body['scope']]).toEqual([200, WHOLE.split(' ').sort().join(' ')]);
    const [after] = await stored();
    expect(after).toMatchObject({ id: before?.['id'], granted_scopes: before?.['granted_scopes'] });
  });

  test('has its new refresh token stored, and the token of other scopes is still served, although it is broken', async () => {
    const { control } = bed.google;
    const narrow = await bed.service({ scopes: [YOUTUBE] });
    bed.clock.advance(87_000);
    await bed.afterBackoff();
    const former = await bed.api.token('alice');
    control.rotateRefreshTokens(true);
    control.overrideTokenResponse({ token_type: 'mac' }, 1);
    try {
      expect((await narrow.token('alice')).status).toBe(503);
    } finally {
      control.rotateRefreshTokens(false);
    }
    const { status, body } = await bed.api.token('alice');
    expect([status, body['access_token']]).toEqual([200, former.body['access_token']]);
    await bed.afterBackoff();
    expect((await narrow.token('alice')).status).toBe(200);
    expect(bed.log()).not.toContain('does not open');
  });

  test('has its new refresh token stored although it is broken, also after another that brought one', async () => {
    const user = 'refreshed-twice';
    const client = 'elsewhere';
    const scope = `${YOUTUBE} ${YOUTUBE_MONEY} ${ADS}`;
    await bed.api.connect({ user_id: user, scope, client }, { account: ALICE.email });
    const narrow = await bed.service({ scopes: [YOUTUBE, YOUTUBE_MONEY] });
    // The first gives fewer scopes than asked for, so that the second asks what is left.
    respondWith({ body: good({ scope: YOUTUBE, refresh_token: '1//first' }) });
    respondWith({ body: good({ token_type: 'mac', refresh_token: '1//second' }) });
    bed.google.control.clearRequests();
    await narrow.token(user, { client });
    const sent = bed.google.control.requests.map(({ parameters }) => parameters['refresh_token']);
    expect(sent.slice(1, 3).flat()).toEqual(['1//first', '1//second']);
  });

  test('has its texts shown in one line of bounded length, and its codes only as codes', async () => {
    const description = `Bad\r\nset-cookie: a=b\u0000\u001b[31m\u2028 ${'x'.repeat(1_000)}`;
    const { response } = await askAfterExpiry({
      status: 401,
      body: { error: 'invalid_client', error_description: description, error_subtype: 'a b\n' },
    });
    expect(response.status).toBe(502);
    const said = String(response.body['google_error_description']);
    expect(said).toMatch(/^Bad set-cookie: a=b \[31m {1,2}x+$/);
    expect(said.length).toBeLessThanOrEqual(300);
    const odd = await askAfterExpiry({ status: 400, body: { error: 'evil\n{"level":60}' } });
    expect(odd.response.text).not.toContain('evil');
    expect(odd.response.text).toContain('http_400');
  });

  describe('to a revocation', () => {
    test.each([
      ['a page with 200', { status: 200, body: '<html>Sign in to the network</html>' }],
      ['200 with an error', { status: 200, body: '{"error":"internal_failure"}' }],
      ['204', { status: 204, body: '' }],
      ['302', { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } }],
      ['400 with nothing', { status: 400, body: '' }],
      ['400 with a list', { status: 400, body: '["invalid_token"]' }],
      ['400 in odd case', { status: 400, body: '{"error":"INVALID_TOKEN"}' }],
      ['401 with invalid_token', { status: 401, body: '{"error":"invalid_token"}' }],
    ])('is not confirmed with %s, and Google is asked again', async (_, fault) => {
      const user = `revoked-${crypto.randomUUID()}`;
      await bed.api.connect({ user_id: user, scope: YOUTUBE, client: 'elsewhere' }, { account: ALICE.email });
      const { body } = await bed.api.get(`/users/${user}/grants`);
      const [grant] = body['grants'] as { id: string }[];
      bed.google.control.failNext('revoke', fault);
      const path = `/grants/${grant?.id ?? ''}`;
      expect((await bed.api.delete(path, { mode: 'revoke' })).status).toBe(202);
      expect((await bed.api.delete(path, { mode: 'revoke' })).status).toBe(200);
      expect(bed.google.control.liveRefreshTokens(ALICE.sub, 'elsewhere')).toEqual([]);
    });
  });

  describe('to a code', () => {
    // Without openid no account is known; these are about what is read, not about who.
    test.each(
      [...BROKEN, ...BROKEN_CODE_EXCHANGE]
        .filter(([, { status = 200 }]) => status === 200)
        .filter(([name]) => !/nothing was granted|id_token/.test(name)),
    )('fails the connect with %s, and nothing is kept', async (_, odd) => {
      const user = `connecting-${crypto.randomUUID()}`;
      respondWith(odd);
      const page = await bed.api.connect(
        { user_id: user, scope: YOUTUBE, client: 'second' },
        { account: ALICE.email },
      );
      expect(page.text).not.toContain('ya29.');
      expect((await bed.api.token(user, { client: 'second', scope: YOUTUBE })).status).toBe(404);
      expect((await bed.api.get(`/users/${user}/grants`)).body).toEqual({ grants: [], next: null });
    });

    describe('that is broken, and brought a refresh token,', () => {
      const connect = async (user: string, broken: Record<string, unknown>) => {
        bed.google.control.overrideTokenResponse(broken, 1);
        const page = await bed.api.connect(
          { user_id: user, scope: YOUTUBE, client: 'second' },
          { account: ALICE.email },
        );
        expect(page.text).not.toContain('Connected');
        expect((await bed.api.get(`/users/${user}/grants`)).body).toEqual({ grants: [], next: null });
        return bed.sql(
          'SELECT account_sub, account_verified, client, grant_id, current, ended_at FROM refresh_tokens WHERE user_id = $1',
          [user],
        );
      };
      const UNUSED = {
        account_sub: ALICE.sub,
        account_verified: true,
        client: 'second',
        grant_id: null,
        current: false,
        ended_at: null,
      };

      test.each([
        ['an empty scope', { scope: '' }],
        ['no token_type', { token_type: null }],
        ['no access token', { access_token: null }],
      ])('has it booked in the slot ledger, with %s', async (_, broken) => {
        const user = `connecting-${crypto.randomUUID()}`;
        expect(await connect(user, broken)).toEqual([UNUSED]);
      });

      // Workers have no such sequence.
      testOfOneServer('has it booked once the database takes it', async () => {
        const user = `connecting-${crypto.randomUUID()}`;
        await bed.sql(`
          CREATE SEQUENCE faults;
          CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN
            IF nextval('faults') = 1 THEN
              RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
            END IF;
            RETURN NEW;
          END $$;
          CREATE TRIGGER fault BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION fault()`);
        try {
          expect(await connect(user, { scope: '' })).toEqual([UNUSED]);
        } finally {
          await bed.sql('DROP FUNCTION fault CASCADE; DROP SEQUENCE faults');
        }
      });

      test('has it booked for the account that its id_token claims while no keys of Google verify that', async () => {
        const user = `connecting-${crypto.randomUUID()}`;
        await bed.restart();
        bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
        try {
          expect(await connect(user, { scope: '' })).toEqual([{ ...UNUSED, account_verified: false }]);
        } finally {
          bed.google.control.clearFaults();
          // The broker remembers for a while that the keys could not be fetched.
          await bed.restart();
        }
      });

      test.each([
        ['no id_token', { scope: '', id_token: null }],
        ['an id_token that is a number', { id_token: 1 }],
        ['an id_token of another issuer', { scope: '', id_token: 'eyJhbGciOiJub25lIn0.e30.AA' }],
        ['no id_token, which is not broken otherwise', { id_token: null }],
      ])('is logged as that of an unknown account, with %s', async (_, broken) => {
        const user = `connecting-${crypto.randomUUID()}`;
        const logged = bed.log().length;
        expect(await connect(user, broken)).toEqual([]);
        expect(bed.log().slice(logged)).toContain('a refresh token of an unknown account');
      });
    });
  });

  describe('of Google Ads', () => {
    test.each([
      ['a page', '<html></html>'],
      ['a list', '[]'],
      ['null', 'null'],
      ['accounts that are no list', '{"resourceNames":"customers/1000000001"}'],
      ['an error with 200', '{"error":{"code":500}}'],
    ])('teaches nothing with %s, and Google is asked again', async (_, body) => {
      const user = `ads-${crypto.randomUUID()}`;
      await bed.api.connect({ user_id: user, scope: ADS }, { account: ALICE.email });
      bed.google.control.failNext('ads', { status: 200, body }, 2);
      const response = await bed.api.get(`/users/${user}/ads/customers`);
      expect(response.status).toBe(503);
      bed.google.control.clearFaults();
      expect((await bed.api.get(`/users/${user}/ads/customers`)).status).toBe(200);
    });

    test.each(['a\u0000b', 'a\ud800b', 'a\u001b[31mb', 'a\r\nb'])(
      'keeps a name such as %j as a line of text',
      async (name) => {
        const user = `ads-${crypto.randomUUID()}`;
        await bed.api.connect({ user_id: user, scope: ADS }, { account: ALICE.email });
        const { accounts, ...rest } = guideHierarchy({ U2: ALICE.email });
        const named = accounts.map((account) => ({ ...account, name }));
        bed.google.control.setAdsHierarchy({ ...rest, accounts: named });
        const { status, body } = await bed.api.get(`/users/${user}/ads/customers`);
        expect(status).toBe(200);
        const names = (body['customers'] as { name: string }[]).map((customer) => customer.name);
        expect(new Set(names).size).toBe(1);
        expect(isPlainText(names[0] ?? '')).toBe(true);
      },
    );
  });
});
