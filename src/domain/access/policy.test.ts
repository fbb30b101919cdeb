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
const USERINFO = 'https://www.googleapis.com/auth/userinfo.';

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
    expect(allowedScopes(policy, [`${USERINFO}email`, `${USERINFO}profile`])).toEqual([`${USERINFO}email`]);
    expect(() => {
      assertAllowed(service, 'bob', 'ads', ['profile']);
    }).toThrow(/may not ask for the scope .*profile/);
  });

  test.each([
    ['email', [`${USERINFO}email`, 'openid']],
    [`${USERINFO}profile`, []],
    ['https://x.example/a', []],
    ['openid', ['openid']],
  ])('of %s allows of openid, email and another scope %j', (scope, allowed) => {
    const granted = ['openid', 'email', 'https://x.example/b'];
    expect(allowedScopes({ ...policy, scopes: [scope] }, granted)).toEqual(allowed);
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
