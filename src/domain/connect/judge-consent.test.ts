import { describe, expect, test } from '@jest/globals';
import { type ConsentFacts, judgeConsent } from './judge-consent.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const SIGN_IN = [EMAIL, 'openid'];
const facts = (more: Partial<ConsentFacts>): ConsentFacts => ({
  requested: ['a'],
  answered: ['a', ...SIGN_IN],
  hasRefreshToken: true,
  includedGranted: false,
  held: null,
  ...more,
});
const held = (...scopes: string[]) => ({ scopes: [...scopes, ...SIGN_IN], isActive: true });

describe('what a consent yields', () => {
  test.each<[string, Partial<ConsentFacts>, string[], string[]]>([
    ['what was asked', {}, ['a'], []],
    ['less, where the user unticked', { requested: ['a', 'b'] }, ['a'], []],
    ['not what was never asked', { answered: ['a', 'b', ...SIGN_IN] }, ['a'], ['b']],
    [
      'what the grant held, too',
      { answered: ['a', 'b', 'c', ...SIGN_IN], held: held('b'), includedGranted: true },
      ['a', 'b'],
      ['c'],
    ],
    [
      'what Google still covers of it, after it was asked to include it',
      { held: held('b'), includedGranted: true },
      ['a'],
      [],
    ],
    [
      'what was asked and nothing of before, where the service wants it so',
      { held: held('b'), mayNarrow: true },
      ['a'],
      [],
    ],
    [
      'nothing of before even where Google answers it, where the service wants it so',
      { answered: ['a', 'b', ...SIGN_IN], held: held('b'), mayNarrow: true },
      ['a'],
      ['b'],
    ],
    [
      'what is held, where it is no more than was asked and the service wants nothing of before',
      { held: held('a'), hasRefreshToken: false, mayNarrow: true },
      ['a'],
      [],
    ],
    [
      'what is held, where Google showed no screen',
      { held: held('a', 'b'), hasRefreshToken: false },
      ['a', 'b'],
      [],
    ],
    [
      'the profile only where it is asked for',
      { answered: ['a', 'profile', ...SIGN_IN] },
      ['a'],
      ['profile'],
    ],
  ])('includes %s', (_, more, granted, unrequested) => {
    const full = unrequested.map((scope) =>
      scope === 'profile' ? EMAIL.replace('email', 'profile') : scope,
    );
    expect(judgeConsent(facts(more))).toEqual({
      kind: 'store',
      granted: [...granted, ...SIGN_IN].sort(),
      unrequested: full,
      isTokenWithin: unrequested.length === 0,
    });
  });

  test.each<[string, Partial<ConsentFacts>, string]>([
    ['no refresh token, and none held', { hasRefreshToken: false }, 'no_refresh_token'],
    [
      'no refresh token, and the one that is held covers less',
      { hasRefreshToken: false, held: held('b') },
      'no_refresh_token',
    ],
    [
      'no refresh token, and the account is suspended',
      { hasRefreshToken: false, held: { ...held('a'), isActive: false } },
      'no_refresh_token',
    ],
    [
      'no refresh token, and the one that is held covers what is not to stay',
      { hasRefreshToken: false, held: held('a', 'b'), mayNarrow: true },
      'no_refresh_token',
    ],
    ['a refresh token that would lose what is held', { held: held('b') }, 'narrower'],
  ])('leaves nothing to store with %s', (_, more, kind) => {
    expect(judgeConsent(facts(more))).toEqual({ kind });
  });
});
