import { describe, expect, test } from '@jest/globals';
import { GoogleFailure, type GoogleFailureKind } from '../google/google-failure.js';
import {
  IMPORT_REFUSALS,
  type ImportRefusal,
  isTransientRefusal,
  narrowedScopes,
  refusalByGoogle,
} from './grant-import.js';

test('only what was not decided may be imported again later', () => {
  const all = Object.keys(IMPORT_REFUSALS) as ImportRefusal[];
  expect(all.filter(isTransientRefusal)).toEqual(['being_revoked', 'google_unavailable', 'not_attempted']);
});

test.each<[GoogleFailureKind, string, ImportRefusal]>([
  ['grant_dead', 'invalid_grant', 'dead_token'],
  ['policy_rejected', 'admin_policy_enforced', 'policy_rejected'],
  ['client_rejected', 'unauthorized_client', 'wrong_client'],
  ['client_rejected', 'invalid_client', 'client_misconfigured'],
  ['unavailable', 'timeout', 'google_unavailable'],
  ['withheld', 'circuit_open', 'google_unavailable'],
  ['scope_rejected', 'invalid_scope', 'google_unavailable'],
])('a failure of Google of the kind %s by %s refuses an import as %s', (kind, error, reason) => {
  expect(refusalByGoogle(new GoogleFailure(kind, error))).toMatchObject({
    reason,
    facts: { googleError: error },
  });
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
