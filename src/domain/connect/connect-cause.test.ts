import { expect, test } from '@jest/globals';
import { GoogleFailure } from '../google/google-failure.js';
import {
  causeOfFailure,
  causeOfReason,
  causeOfRedirect,
  CONNECT_CAUSES,
  googleErrorCode,
} from './connect-cause.js';

test('the causes are a fixed list, each once, in a form that suits a label', () => {
  expect(new Set(CONNECT_CAUSES).size).toBe(CONNECT_CAUSES.length);
  expect(CONNECT_CAUSES.filter((cause) => !/^[a-z][a-z0-9_]*$/.test(cause))).toEqual([]);
});

test.each([
  ['access_denied', 'access_denied'],
  ['a', 'a'],
  [`a${'b'.repeat(63)}`, `a${'b'.repeat(63)}`],
  [`a${'b'.repeat(64)}`, 'unknown_error'],
  ['', 'unknown_error'],
  ['1st', 'unknown_error'],
  ['<script>', 'unknown_error'],
  ['a b', 'unknown_error'],
  ['a\n', 'unknown_error'],
  ['été', 'unknown_error'],
])("Google's error %j is written as %s", (error, code) => {
  expect(googleErrorCode(error)).toBe(code);
});

test.each([
  [null, 'code_missing'],
  ['access_denied', 'access_denied'],
  ['invented', 'other_google_error'],
  ['', 'other_google_error'],
  // Nothing that a browser sends ends a connect without a cause.
  ['none', 'other_google_error'],
])('a redirect with the error %p has the cause %s', (error, cause) => {
  expect(causeOfRedirect(error)).toBe(cause);
});

test.each([
  ['invalid_id_token', 'nonce', 'id_token_nonce'],
  ['invalid_id_token', 'keys_unavailable', 'keys_unavailable'],
  ['invalid_id_token', 'invented', 'id_token_claim'],
  ['invalid_id_token', null, 'id_token_claim'],
  ['invalid_response', 'id_token_missing', 'id_token_missing'],
  ['http_503', null, 'http_error'],
  ['timeout', null, 'timeout'],
  ['invalid_grant', 'invalid_rapt', 'invalid_grant'],
  ['none', null, 'other_google_error'],
  ['invented', null, 'other_google_error'],
])('a failure of Google by %s and the subtype %p has the cause %s', (error, subtype, cause) => {
  expect(causeOfFailure(new GoogleFailure('unavailable', error, '', subtype))).toBe(cause);
});

test.each([
  ['slots_full', 'slots_full'],
  ['toString', null],
  ['', null],
  [7, null],
  [undefined, null],
])('a refusal for the reason %p has the cause %p', (reason, cause) => {
  expect(causeOfReason(reason)).toBe(cause);
});
