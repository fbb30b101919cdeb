import { describe, expect, test } from '@jest/globals';
import { CREDENTIAL_STATES, credentialState, delegated, type Delegation } from './delegation.js';
import { maySeeUser, type Policy, RIGHTS } from './policy.js';

const rights = { audit: true, disconnect: true, revoke: true, force: true, import: true };
const policy: Policy = {
  ...rights,
  clients: ['default', 'second'],
  scopes: ['a', 'b'],
  users: ['team-*', '\\**'],
};
const narrow = (changes: Partial<Delegation>, from: Partial<Policy> = {}) =>
  delegated(
    { id: 's', name: 'reports', policy: { ...policy, ...from } },
    { id: 'c', userId: 'team-1', client: null, account: null, scopes: [], ...changes },
  ).policy;

describe('the holder of a delegated credential', () => {
  test('has no right, whatever its service may do', () => {
    expect(RIGHTS.filter((right) => narrow({})[right])).toEqual([]);
  });

  test.each<[string, Partial<Delegation>, Partial<Policy>, string[]]>([
    ['those of its service where it names none', {}, {}, ['default', 'second']],
    ['the one that it names', { client: 'second' }, {}, ['second']],
    ['the one that it names where any is allowed', { client: 'third' }, { clients: ['*'] }, ['third']],
    ['none where the service lost it', { client: 'third' }, {}, []],
  ])('may use as clients %s', (_, changes, from, clients) => {
    expect(narrow(changes, from).clients).toEqual(clients);
  });

  test.each<[string, string[], Partial<Policy>, string[]]>([
    ['those of its service where it names none', [], {}, ['a', 'b']],
    ['those that it names', ['b'], {}, ['b']],
    ['no more than its service', ['b', 'c'], {}, ['b']],
    ['what it names where any is allowed', ['c'], { scopes: ['*'] }, ['c']],
  ])('may use as scopes %s', (_, scopes, from, allowed) => {
    expect(narrow({ scopes }, from).scopes).toEqual(allowed);
  });

  test.each(['team-1', 'team-*', 'team-\\', '*', '*a\\b*', 'team-😀'])(
    'acts for the user %j and no other',
    (userId) => {
      const held = narrow({ userId });
      const others = [
        'team-1',
        'team-12',
        'team-',
        'team-*',
        'team-*x',
        'team-\\',
        '*',
        '*x',
        'boss',
        'team-😀',
      ];
      expect(maySeeUser(held, userId)).toBe(true);
      expect(others.filter((other) => other !== userId && maySeeUser(held, other))).toEqual([]);
    },
  );

  test('acts for no user any more where its service lost that one', () => {
    expect(narrow({ userId: 'boss' }).users).toEqual([]);
  });
});

test('a credential is active until it is revoked or its time is over, and revoked whatever its time', () => {
  const now = new Date('2026-11-28T12:00:00Z');
  const later = new Date(now.getTime() + 1);
  const states = [
    credentialState({ revokedAt: null, expiresAt: later }, now),
    credentialState({ revokedAt: null, expiresAt: now }, now),
    credentialState({ revokedAt: now, expiresAt: later }, now),
  ];
  expect(states).toEqual(CREDENTIAL_STATES);
  expect(credentialState({ revokedAt: now, expiresAt: now }, now)).toBe('revoked');
});
