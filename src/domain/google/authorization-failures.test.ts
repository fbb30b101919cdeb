import { expect, test } from '@jest/globals';
import { authorizationResponseFailure } from './authorization-failures.js';

test.each([
  ['access_denied', 'denied', /pressed Cancel/],
  ['interaction_required', 'failed', /prompt=none/],
  ['server_error', 'failed', /unavailable for a moment/],
  ['org_internal', 'failed', /Internal/],
  ['invalid_scope', 'failed', /does not know/],
  ['unknown_error', 'failed', /does not know/],
  ['', 'failed', /does not know/],
  ['toString', 'failed', /does not know/],
  [null, 'failed', /neither a code nor an error/],
])('an authorization response with the error %j is %s', (error, kind, meaning) => {
  expect(authorizationResponseFailure(error)).toMatchObject({
    kind,
    meaning: expect.stringMatching(meaning),
  });
});

test('an authorization response says who must act, and which page its user sees', () => {
  expect(authorizationResponseFailure('org_internal')).toMatchObject({
    whoMustAct: 'operator',
    page: 'org_internal',
  });
  expect(authorizationResponseFailure('server_error')).toMatchObject({
    whoMustAct: 'user',
    page: 'google_refused',
  });
  expect(authorizationResponseFailure('access_denied')).not.toHaveProperty('page');
});
