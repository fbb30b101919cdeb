import { expect, test } from '@jest/globals';
import { type AccessRole, byPower, isAccessRole, isAtLeast, isAtMost } from './access-role.js';

const ROLES: AccessRole[] = ['ADMIN', 'STANDARD', 'READ_ONLY', 'EMAIL_ONLY'];

test('roles are ordered by power, and an unknown one stands between reading and not', () => {
  expect([null, 'EMAIL_ONLY', 'READ_ONLY', 'ADMIN', 'STANDARD'].sort(byPower as never)).toEqual([
    'ADMIN',
    'STANDARD',
    'READ_ONLY',
    null,
    'EMAIL_ONLY',
  ]);
});

test.each<[AccessRole | null, AccessRole[], AccessRole[]]>([
  ['ADMIN', ROLES, ['ADMIN']],
  ['STANDARD', ['STANDARD', 'READ_ONLY', 'EMAIL_ONLY'], ['ADMIN', 'STANDARD']],
  ['READ_ONLY', ['READ_ONLY', 'EMAIL_ONLY'], ['ADMIN', 'STANDARD', 'READ_ONLY']],
  ['EMAIL_ONLY', ['EMAIL_ONLY'], ROLES],
  // What is not known is neither enough nor little enough.
  [null, [], []],
])('the role %p is at least %j, and at most %j', (role, least, most) => {
  expect(ROLES.filter((each) => isAtLeast(role, each))).toEqual(least);
  expect(ROLES.filter((each) => isAtMost(role, each))).toEqual(most);
});

test.each(['admin', 'OWNER', '', null, undefined, 0, 'UNKNOWN'])('%p is no role', (value) => {
  expect(isAccessRole(value)).toBe(false);
});
