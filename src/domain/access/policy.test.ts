import { describe, expect, test } from '@jest/globals';
import {
  allowedScopes,
  assertAllowed,
  assertMay,
  mayUseClient,
  type Policy,
  type Service,
} from './policy.js';

const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false, import: false };

describe('a policy', () => {
  const policy: Policy = {
    clients: ['ads'],
    scopes: ['email', 'https://x.example/a'],
    users: ['bob', 'team-*'],
    ...NO_RIGHTS,
  };
  const service: Service = { id: 's', name: 'reports', policy };

  test.each([
    ['bob', true],
    ['bobby', false],
    ['team-7', true],
    ['team-', true],
    ['teamster', false],
    ['*', false],
  ])('decides whether it covers the user %s as %p', (userId, allowed) => {
    const assertion = () => {
      assertAllowed(service, userId, 'ads', []);
    };
    if (allowed) expect(assertion).not.toThrow();
    else expect(assertion).toThrow(/may not act for the user/);
  });

  test('compares scopes by their canonical names', () => {
    expect(allowedScopes(policy, ['https://www.googleapis.com/auth/userinfo.email', 'openid'])).toEqual([
      'https://www.googleapis.com/auth/userinfo.email',
    ]);
    expect(() => {
      assertAllowed(service, 'bob', 'ads', ['openid']);
    }).toThrow(/may not ask for the scope openid/);
  });

  test('takes * for any, and only as a whole word', () => {
    expect(mayUseClient({ ...policy, clients: ['*'] }, 'anything')).toBe(true);
    expect(mayUseClient({ ...policy, clients: ['a*'] }, 'ads')).toBe(false);
  });

  test('refuses a right that it lacks by name', () => {
    expect(() => {
      assertMay(service, 'revoke');
    }).toThrow(/lacks the right revoke/);
    const may = { ...service, policy: { ...policy, revoke: true } };
    expect(() => {
      assertMay(may, 'revoke');
    }).not.toThrow();
  });
});
