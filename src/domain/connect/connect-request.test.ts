import { describe, expect, test } from '@jest/globals';
import { accountOfHint, isRequiredAccount, meetsRequirement } from './connect-request.js';

describe('a required account', () => {
  const account = { sub: '1', email: 'Alice@Example.com', hostedDomain: 'example.com' };

  test.each([
    // No account meets an empty requirement.
    [{}, false],
    [{ sub: '1' }, true],
    [{ sub: '2' }, false],
    [{ email: 'alice@example.com' }, true],
    [{ email: 'bob@example.com' }, false],
    [{ hd: 'EXAMPLE.com' }, true],
    [{ hd: 'evil.com' }, false],
    [{ sub: '1', email: 'bob@example.com' }, false],
  ])('%j is met by the account as %p', (required, expected) => {
    expect(isRequiredAccount(account, required)).toBe(expected);
  });

  test('is the one that a hint names', () => {
    expect(accountOfHint('alice@example.com')).toEqual({ email: 'alice@example.com' });
    expect(accountOfHint('103400000000000000001')).toEqual({ sub: '103400000000000000001' });
  });

  test('is not met by an account without email or domain', () => {
    const bare = { sub: '1', email: null, hostedDomain: null };
    expect(isRequiredAccount(bare, { email: 'a@x.example' })).toBe(false);
    expect(isRequiredAccount(bare, { hd: 'example.com' })).toBe(false);
  });

  test('is met by any account where none is required', () => {
    expect(meetsRequirement(account, null)).toBe(true);
    expect(meetsRequirement(account, {})).toBe(false);
  });
});
