import { describe, expect, test } from '@jest/globals';
import { isScope, missingScopes, parseScopes, sameScopes, scopeSet } from './scopes.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const PROFILE = 'https://www.googleapis.com/auth/userinfo.profile';

describe('scopes compare as sets, whatever Google calls them', () => {
  test('order, repetition and aliases make no difference', () => {
    expect(parseScopes(`profile  email openid email`)).toEqual([EMAIL, PROFILE, 'openid'].sort());
    expect(sameScopes(['email', 'openid'], ['openid', EMAIL, EMAIL])).toBe(true);
    expect(sameScopes(['email'], ['profile'])).toBe(false);
  });

  test('what is missing is named by its canonical name, once', () => {
    expect(missingScopes(['email', EMAIL, 'openid', 'profile'], [PROFILE])).toEqual([EMAIL, 'openid'].sort());
    expect(missingScopes([], [])).toEqual([]);
  });

  test('the set of a set is itself', () => {
    const set = scopeSet(['b', 'a', 'email']);
    expect(scopeSet(set)).toEqual(set);
  });

  test.each(['openid', 'email', 'profile', EMAIL, 'https://mail.google.com/'])('%s is a scope', (scope) => {
    expect(isScope(scope)).toBe(true);
  });

  test.each([
    '',
    'youtube',
    'http://a.example/x',
    'https://',
    'https://a b',
    'https://a"b',
    'toString',
    'https://é.example',
  ])('%j is none', (scope) => {
    expect(isScope(scope)).toBe(false);
  });
});
