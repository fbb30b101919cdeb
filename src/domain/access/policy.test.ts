import { describe, expect, test } from '@jest/globals';
import {
  allowedScopes,
  assertAllowed,
  assertMay,
  mayUseClient,
  type Policy,
  policyDetails,
  policyOf,
  RIGHTS,
  type Service,
} from './policy.js';

const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false, import: false };
const USERINFO = 'https://www.googleapis.com/auth/userinfo.';

test('the details of a policy have its rights by name, and are that policy again', () => {
  const parts = { clients: ['ads'], scopes: ['email'], users: ['bob'] };
  for (const allow of [[], ...RIGHTS.map((right) => [right]), RIGHTS]) {
    const policy = policyOf({ ...parts, allow });
    expect(RIGHTS.filter((right) => policy[right])).toEqual(allow);
    expect(policyDetails(policy).allow).toEqual(allow);
    expect(policyOf(policyDetails(policy))).toEqual(policy);
  }
});

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
