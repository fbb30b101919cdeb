import { describe, expect, test } from '@jest/globals';
import { isScope, missingScopes, parseScopes, sameScopes, scopeSet } from './scopes.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const PROFILE = 'https://www.googleapis.com/auth/userinfo.profile';

describe('a set of scopes', () => {
  test('ignores order, repetition and aliases', () => {
    expect(parseScopes(`profile  email openid email`)).toEqual([EMAIL, PROFILE, 'openid'].sort());
    expect(sameScopes(['email', 'openid'], ['openid', EMAIL, EMAIL])).toBe(true);
    expect(sameScopes(['email'], ['profile'])).toBe(false);
  });

  test('names what is missing by its canonical name, once', () => {
    expect(missingScopes(['email', EMAIL, 'openid', 'profile'], [PROFILE])).toEqual([EMAIL, 'openid'].sort());
    expect(missingScopes([], [])).toEqual([]);
  });

  test('stays the same when it is made a set again', () => {
    const set = scopeSet(['b', 'a', 'email']);
    expect(scopeSet(set)).toEqual(set);
  });

  test.each(['openid', 'email', 'profile', EMAIL, 'https://mail.google.com/'])(
    'takes %s as a scope',
    (scope) => {
      expect(isScope(scope)).toBe(true);
    },
  );

  test.each([
    '',
    'youtube',
    'http://a.example/x',
    'https://',
    'https://a b',
    'https://a"b',
    'toString',
    'https://é.example',
  ])('refuses %j as a scope', (scope) => {
    expect(isScope(scope)).toBe(false);
  });
});
