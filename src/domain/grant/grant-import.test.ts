import { describe, expect, test } from '@jest/globals';
import { GoogleFailure, type GoogleFailureKind } from '../google/google-failure.js';
import {
  emptySummary,
  IMPORT_REFUSALS,
  IMPORT_STATUSES,
  type ImportRefusal,
  ImportRefused,
  isTransientRefusal,
  narrowedScopes,
  refusalByGoogle,
} from './grant-import.js';

test('only what was not decided may be imported again later', () => {
  const all = Object.keys(IMPORT_REFUSALS) as ImportRefusal[];
  expect(all.filter(isTransientRefusal)).toEqual(['being_revoked', 'google_unavailable', 'not_attempted']);
});

test('a summary counts each status, from 0', () => {
  expect(Object.entries(emptySummary())).toEqual(IMPORT_STATUSES.map((status) => [status, 0]));
});

test.each<[GoogleFailureKind, string, ImportRefusal, RegExp]>([
  [
    'grant_dead',
    'invalid_grant',
    'dead_token',
    /^Google does not accept the refresh token.* connect again\.$/,
  ],
  ['policy_rejected', 'admin_policy_enforced', 'policy_rejected', /does not allow this app.* Admin console/],
  [
    'client_rejected',
    'unauthorized_client',
    'wrong_client',
    /another client\. Name the alias of that client\.$/,
  ],
  ['client_rejected', 'deleted_client', 'client_misconfigured', /deleted or disabled\. Restore or enable it/],
  ['unavailable', 'timeout', 'google_unavailable', /^Google did not answer in time\. Import again later\.$/],
  ['withheld', 'circuit_open', 'google_unavailable', /lately.* Import again later\.$/],
  ['scope_rejected', 'invalid_scope', 'google_unavailable', /no usable response\. Import again later\.$/],
  ['code_rejected', 'invalid_id_token', 'google_unavailable', /no usable response\. Import again later\.$/],
])('a failure of Google of the kind %s by %s refuses an import as %s, by its row', (...refusal) => {
  const [kind, error, reason, detail] = refusal;
  expect(refusalByGoogle(new GoogleFailure(kind, error))).toMatchObject({
    reason,
    detail: expect.stringMatching(detail),
    facts: { googleError: error },
  });
});

test('a refusal of the broker itself has the text of its own', () => {
  expect(new ImportRefused('scope_missing').detail).toMatch(/does not cover every scope/);
  expect(new ImportRefused('not_allowed', { detail: 'The service was revoked meanwhile.' }).detail).toMatch(
    /revoked meanwhile/,
  );
});

describe('an import', () => {
  const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';

  test.each<[string, string[] | null, string[], string[]]>([
    ['all that Google says, where nothing is named', null, ['b', 'a', 'email'], [EMAIL, 'a', 'b'].sort()],
    ['no more than is named', ['a'], ['a', 'b'], ['a']],
    [
      'the sign-in scopes besides, where Google says them',
      ['a'],
      ['openid', 'a', 'b', EMAIL],
      ['a', EMAIL, 'openid'].sort(),
    ],
    ['an alias as what it stands for', ['email'], [EMAIL, 'b'], [EMAIL]],
    ['nothing, where nothing is asked', [], ['a'], []],
  ])('covers %s', (_, wanted, answered, covered) => {
    expect(narrowedScopes(wanted, answered)).toEqual(covered);
  });

  test('never covers what Google does not say', () => {
    expect(() => narrowedScopes(['a', 'c', 'b'], ['a'])).toThrow(
      expect.objectContaining({ reason: 'scope_missing', facts: { missingScopes: ['b', 'c'] } }),
    );
  });
});
