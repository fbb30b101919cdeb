import { expect, test } from '@jest/globals';
import { type Grant, GRANT_STATUSES, isAccount, isAgeKnown, isDead, STORED_STATUSES } from './grant.js';

test('a grant that is suspended or being revoked is not dead yet', () => {
  expect(GRANT_STATUSES.filter((status) => isDead({ status }))).toEqual(['reconnect_required', 'revoked']);
});

test('a grant that is being revoked is stored by another column than its status', () => {
  expect(STORED_STATUSES).toEqual(['active', 'suspended', 'reconnect_required', 'revoked']);
});

test.each<[string, Date | null, boolean]>([
  ['was not imported', null, true],
  ['was imported, and is as old as that', new Date(1000), false],
  ['was imported before a consent', new Date(999), true],
])('the age of a refresh token that %s is known as %p', (_, importedAt, is) => {
  expect(isAgeKnown({ importedAt, refreshTokenIssuedAt: new Date(1000) } as Grant)).toBe(is);
});

test.each([
  ['1', 'alice@example.com', '1', true],
  ['1', 'alice@example.com', '10', false],
  ['1', 'Alice@example.com', 'alice@EXAMPLE.com', true],
  ['1', 'john_doe@example.com', 'johnxdoe@example.com', false],
  ['1', 'müller@example.com', 'MÜLLER@example.com', false],
  ['1', null, 'null', false],
  ['1', null, '', false],
  ['1', 'alice@example.com', 'alice', false],
])('the account %s with the email %p is named by %j as %p', (sub, email, named, is) => {
  expect(isAccount({ sub, email }, named)).toBe(is);
});
