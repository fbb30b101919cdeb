import { describe, expect, test } from '@jest/globals';
import type { Grant } from '../grant/grant.js';
import { choosePrompt, combinePrompts, extendableGrants, findHeldGrant, isExtendable } from './held-grant.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';

function grant(changes: Partial<Grant>): Grant {
  const account = { sub: '1', email: 'alice@example.com' };
  return { kind: 'user', status: 'active', account, grantedScopes: ['a', 'b'], ...changes } as Grant;
}

describe('a held grant', () => {
  const request = { scopes: ['a'], accountHint: null, requireAccount: null };

  test.each<[string, Partial<Grant>, boolean]>([
    ['that covers the request', {}, true],
    ['that lacks a scope', { grantedScopes: ['b'] }, false],
    ['that is suspended', { status: 'suspended' }, false],
    ['that is being revoked', { status: 'revoking' }, false],
    ['that is dead', { status: 'reconnect_required' }, false],
    ['of a service account, which no user consented to', { kind: 'service_account' }, false],
  ])('decides for one %s whether it counts as held as %p', (_, changes, isHeld) => {
    const held = grant(changes);
    expect(findHeldGrant([held], request)).toBe(isHeld ? held : null);
  });

  test.each<[string, Partial<Parameters<typeof findHeldGrant>[1]>, boolean]>([
    ['the hint names it by email, in any case', { accountHint: 'Alice@Example.com' }, true],
    ['the hint names another', { accountHint: 'bob@example.com' }, false],
    ['it is required by sub', { requireAccount: { sub: '1' } }, true],
    ['another is required', { requireAccount: { sub: '2' } }, false],
    ['the hint and the requirement differ', { accountHint: '1', requireAccount: { sub: '2' } }, false],
    ['a Workspace domain is required, which can change', { requireAccount: { hd: 'example.com' } }, false],
  ])('is found by its account where %s', (_, changes, isHeld) => {
    expect(findHeldGrant([grant({})], { ...request, ...changes }) !== null).toBe(isHeld);
  });

  test.each<[string, string[], boolean]>([
    ['just what is asked, and the sign-in scopes', ['a', 'openid', EMAIL], true],
    ['more', ['a', 'b'], false],
    ['less', [], false],
  ])(
    'that holds %s counts only where it is equal, with nothing of before included',
    (_, grantedScopes, isHeld) => {
      const asked = { ...request, includeGranted: false } as const;
      const held = grant({ grantedScopes });
      expect(findHeldGrant([held], asked) !== null).toBe(isHeld);
      expect(choosePrompt([held], '1', asked)).toBe(isHeld ? null : 'consent');
    },
  );

  test('is extended by a consent only while it is active or suspended', () => {
    const statuses = ['active', 'suspended', 'revoking', 'reconnect_required', 'revoked'] as const;
    expect(statuses.filter((status) => isExtendable({ status }))).toEqual(['active', 'suspended']);
    const all = [...statuses.map((status) => grant({ status })), grant({ kind: 'service_account' })];
    expect(extendableGrants(all, null)).toHaveLength(2);
    expect(extendableGrants(all, 'bob@example.com')).toHaveLength(0);
  });
});

describe('the prompt of an authorization request', () => {
  const held = (status: Grant['status'], email: string) =>
    ({ status, account: { sub: `sub-${email}`, email }, grantedScopes: ['a'] }) as unknown as Grant;

  test.each<[string, Grant[], string | null, string | null]>([
    ['nothing held', [], null, 'consent'],
    ['only a dead grant', [held('reconnect_required', 'a@x')], 'a@x', 'consent'],
    ['an active one, account named', [held('active', 'a@x')], 'a@x', null],
    ['an active one, account named by sub', [held('active', 'a@x')], 'sub-a@x', null],
    ['an active one of another account', [held('active', 'a@x')], 'b@x', 'consent'],
    ['an active one, no account named', [held('active', 'a@x')], null, 'select_account'],
  ])('is right where a user has %s', (_, grants, hint, prompt) => {
    expect(choosePrompt(grants, hint, { scopes: ['a'] })).toBe(prompt);
  });

  test.each([
    [null, null, null],
    [undefined, 'consent', 'consent'],
    ['select_account', null, 'select_account'],
    ['select_account', 'consent', 'consent select_account'],
    ['consent', 'select_account', 'consent select_account'],
    ['consent', 'consent', 'consent'],
    ['consent select_account', null, 'consent select_account'],
  ] as const)('is, where the service asks for %s and the broker needs %s, %s', (asked, needed, prompt) => {
    expect(combinePrompts(asked, needed)).toBe(prompt);
  });
});
