import { describe, expect, test } from '@jest/globals';
import { BodyTooLarge, ProxyRefused } from '../../outbound/http-client.js';
import { classifyFailure, classifyLostRequest, type FailedResponse, retryAfter } from './classify-failure.js';

type During = FailedResponse['during'];

function kindOf(status: number, body: string | object, during: During): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return classifyFailure({ status, body: text, retryAfter: null, during }).kind;
}

function error(code: string, description = '') {
  return { error: code, ...(description === '' ? {} : { error_description: description }) };
}

describe('a failure of the token endpoint', () => {
  test.each<[number, string | object, string, string, string]>([
    // status, body, in an exchange, in a refresh, of an assertion
    [
      400,
      error('invalid_grant', 'Token has been expired or revoked.'),
      'code_rejected',
      'grant_dead',
      'service_account_rejected',
    ],
    [400, error('invalid_grant', 'Bad Request'), 'code_rejected', 'grant_dead', 'service_account_rejected'],
    [
      400,
      error('invalid_grant', 'Malformed auth code.'),
      'code_rejected',
      'grant_dead',
      'service_account_rejected',
    ],
    // It ends a grant only with 400.
    [401, error('invalid_grant'), 'unavailable', 'unavailable', 'service_account_rejected'],
    [500, error('invalid_grant'), 'unavailable', 'unavailable', 'unavailable'],
    [
      401,
      error('invalid_client', 'The OAuth client was not found.'),
      'client_rejected',
      'client_rejected',
      'service_account_rejected',
    ],
    [
      401,
      error('invalid_client', 'The provided client secret is invalid.'),
      'client_rejected',
      'client_rejected',
      'service_account_rejected',
    ],
    [401, error('unauthorized_client'), 'client_rejected', 'client_rejected', 'service_account_rejected'],
    [401, error('deleted_client'), 'client_rejected', 'client_rejected', 'service_account_rejected'],
    [400, error('redirect_uri_mismatch'), 'client_rejected', 'client_rejected', 'service_account_rejected'],
    [
      400,
      error('invalid_request', 'client_secret is missing.'),
      'client_rejected',
      'client_rejected',
      'unavailable',
    ],
    [400, error('invalid_request', 'Missing parameter'), 'unavailable', 'unavailable', 'unavailable'],
    [
      400,
      error('invalid_scope', 'Some requested scopes were invalid.'),
      'scope_rejected',
      'scope_rejected',
      'service_account_rejected',
    ],
    [400, error('admin_policy_enforced'), 'policy_rejected', 'policy_rejected', 'service_account_rejected'],
    [403, error('access_denied'), 'unavailable', 'unavailable', 'service_account_rejected'],
    [400, error('internal_failure'), 'unavailable', 'unavailable', 'unavailable'],
    [503, error('temporarily_unavailable'), 'unavailable', 'unavailable', 'unavailable'],
    [429, error('rate_limit_exceeded'), 'unavailable', 'unavailable', 'unavailable'],
    [403, '<html>User Rate Limit Exceeded</html>', 'unavailable', 'unavailable', 'unavailable'],
    [408, '', 'unavailable', 'unavailable', 'unavailable'],
    [200, error('invalid_grant'), 'unavailable', 'unavailable', 'unavailable'],
    [400, error('error_of_tomorrow'), 'unavailable', 'unavailable', 'unavailable'],
    // A member twice: which one is meant is unknown.
    [400, '{"error":"invalid_grant","error":"x"}', 'unavailable', 'unavailable', 'unavailable'],
  ])(
    'with status %d and body %j is classified as %s, %s or %s',
    (status, body, exchange, refresh, assertion) => {
      expect([
        kindOf(status, body, 'exchange'),
        kindOf(status, body, 'refresh'),
        kindOf(status, body, 'assertion'),
      ]).toEqual([exchange, refresh, assertion]);
    },
  );

  test("keeps Google's code, description and subtype", () => {
    const body = JSON.stringify({
      error: 'invalid_grant',
      error_description: 'reauth related error\n(invalid_rapt)',
      error_subtype: 'invalid_rapt',
    });
    expect(classifyFailure({ status: 400, body, retryAfter: null, during: 'refresh' })).toMatchObject({
      error: 'invalid_grant',
      description: 'reauth related error (invalid_rapt)',
      subtype: 'invalid_rapt',
      retryAfterSeconds: null,
    });
  });

  test('with Retry-After says when to ask again', () => {
    const failure = classifyFailure({ status: 503, body: '', retryAfter: 30, during: 'refresh' });
    expect(failure).toMatchObject({ error: 'http_503', retryAfterSeconds: 30 });
  });

  test.each([{ error: 'two words' }, { error: 'x\u0000' }, { error: 7 }, { error: '' }])(
    'without a plain code is named by its status, as in %j',
    (body) => {
      const facts = { status: 400, body: JSON.stringify(body), retryAfter: null, during: 'refresh' } as const;
      expect(classifyFailure(facts).error).toBe('http_400');
    },
  );
});

test.each<[unknown, string]>([
  [new BodyTooLarge('more'), 'too_large'],
  [new ProxyRefused('407'), 'proxy_407'],
  [new DOMException('slow', 'TimeoutError'), 'timeout'],
  [new TypeError('fetch failed'), 'connection_lost'],
  [null, 'connection_lost'],
])('a lost request is unavailable, as with %s', (lost, code) => {
  expect(classifyLostRequest(lost)).toMatchObject({ kind: 'unavailable', error: code, description: '' });
});

const DATE = 'Wed, 21 Oct 2026 07:28:00 GMT';

test.each<[string, string | null, number | null]>([
  ['30', null, 30],
  [' 30 ', null, 30],
  ['0', null, 0],
  ['3600', null, 3600],
  ['3601', null, 3600],
  ['99999999999999999999999', null, 3600],
  ['9'.repeat(400), null, 3600],
  ['Wed, 21 Oct 2026 07:30:00 GMT', DATE, 120],
  ['Thu, 21 Oct 2027 07:28:00 GMT', DATE, 3600],
  ['Tue, 20 Oct 2026 07:28:00 GMT', DATE, 0],
  ['Wed, 99 Oct 2026 07:28:00 GMT', DATE, null],
  ['Wed, 21 Oct 2026 07:30:00 GMT', null, null],
  ['Wed, 21 Oct 2026 07:30:00 GMT', 'now', null],
  ['2026-10-21T07:30:00Z', DATE, null],
  ['-1', null, null],
  ['1e9', null, null],
  ['Infinity', null, null],
  ['1.5', null, null],
  ['30, 60', null, null],
  ['', null, null],
])('Retry-After %j in a response of %j is %p s', (value, date, seconds) => {
  const headers = new Headers({ 'retry-after': value, ...(date === null ? {} : { date }) });
  expect(retryAfter(headers)).toBe(seconds);
});

test('a response without Retry-After asks for no time', () => {
  expect(retryAfter(new Headers())).toBeNull();
});
