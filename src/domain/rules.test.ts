import { describe, expect, test } from '@jest/globals';
import { allowedScopes, assertAllowed, mayUseClient, type Policy, type Service } from './access/policy.js';
import { isUserId } from './access/user-rule.js';
import { isRequiredAccount } from './connect/connect-request.js';
import { choosePrompt } from './connect/held-grant.js';
import { backoffAfter } from './google/google-failure.js';
import type { Grant } from './grant/grant.js';
import { isFresh, renewFrom, secondsLeft } from './grant/token-freshness.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

describe('freshness', () => {
  test.each([
    [300, 300, true],
    [299.9, 300, false],
    [1, 0, true],
    [0, 0, false],
    [-10, 0, false],
  ])('a token with %d s left, %d s wanted: %p', (left, wanted, fresh) => {
    const token = { obtainedAt: inSeconds(left - 3600), expiresAt: inSeconds(left) };
    expect(isFresh(token, NOW, wanted)).toBe(fresh);
  });

  test.each([
    [60, 31, true],
    [60, 29, false],
    [300, 150, true],
    [301, 299, false],
    [1, 1, true],
    [0, 0, false],
  ])('of Google giving %d s only, %d s are left: %p', (life, left, fresh) => {
    const token = { obtainedAt: inSeconds(left - life), expiresAt: inSeconds(left) };
    expect(isFresh(token, NOW, 300)).toBe(fresh);
  });

  test.each([
    [3600, 0, 3000],
    [3600, 1, 2880],
    [1200, 0, 600],
    [1200, 1, 600],
    [60, 0.5, 30],
  ])(
    'a token that lives %d s is renewed in the background, jitter %d, from %d s on',
    (life, jitter, from) => {
      expect(renewFrom({ obtainedAt: NOW, expiresAt: inSeconds(life) }, jitter)).toEqual(inSeconds(from));
    },
  );

  test('time left is never negative', () => {
    expect(secondsLeft(inSeconds(-3600), NOW)).toBe(0);
  });
});

describe('the rest of a grant after failures', () => {
  test.each([
    [1, null, 0, 500],
    [1, null, 1, 1000],
    [4, null, 1, 8000],
    [100, null, 1, 60_000],
    [1, 30, 1, 30_000],
    [7, 3, 0, 30_000],
    [1, 86_400, 0, 600_000],
  ])('failure %d, Google asks for %p s, jitter %d: %d ms', (failures, asked, jitter, ms) => {
    expect(backoffAfter(failures, asked, jitter)).toBe(ms);
  });
});

const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false };

describe('policy', () => {
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
  ])('users: %s %p', (userId, allowed) => {
    const demand = () => {
      assertAllowed(service, userId, 'ads', []);
    };
    if (allowed) expect(demand).not.toThrow();
    else expect(demand).toThrow(/may not act for the user/);
  });

  test('scopes compare by their canonical names', () => {
    expect(allowedScopes(policy, ['https://www.googleapis.com/auth/userinfo.email', 'openid'])).toEqual([
      'https://www.googleapis.com/auth/userinfo.email',
    ]);
    expect(() => {
      assertAllowed(service, 'bob', 'ads', ['openid']);
    }).toThrow(/may not ask for the scope openid/);
  });

  test('* means any, and only as a whole word', () => {
    expect(mayUseClient({ ...policy, clients: ['*'] }, 'anything')).toBe(true);
    expect(mayUseClient({ ...policy, clients: ['a*'] }, 'ads')).toBe(false);
  });
});

describe('prompt', () => {
  const held = (status: Grant['status'], email: string) =>
    ({ status, account: { sub: `sub-${email}`, email } }) as Grant;

  test.each<[string, Grant[], string | null, string | null]>([
    ['nothing held', [], null, 'consent'],
    ['only a dead grant', [held('reconnect_required', 'a@x')], 'a@x', 'consent'],
    ['a living one, account named', [held('active', 'a@x')], 'a@x', null],
    ['a living one, account named by sub', [held('active', 'a@x')], 'sub-a@x', null],
    ['a living one of another account', [held('active', 'a@x')], 'b@x', 'consent'],
    ['a living one, no account named', [held('active', 'a@x')], null, 'select_account'],
  ])('%s', (_, grants, hint, prompt) => {
    expect(choosePrompt(grants, hint)).toBe(prompt);
  });
});

describe('required account', () => {
  const account = { sub: '1', email: 'Alice@Example.com', hostedDomain: 'example.com' };

  test.each([
    // A requirement that says nothing is met by nobody.
    [{}, false],
    [{ sub: '1' }, true],
    [{ sub: '2' }, false],
    [{ email: 'alice@example.com' }, true],
    [{ email: 'bob@example.com' }, false],
    [{ hd: 'EXAMPLE.com' }, true],
    [{ hd: 'evil.com' }, false],
    [{ sub: '1', email: 'bob@example.com' }, false],
  ])('%j: %p', (required, expected) => {
    expect(isRequiredAccount(account, required)).toBe(expected);
  });

  test('an account without email or domain meets no condition on them', () => {
    const bare = { sub: '1', email: null, hostedDomain: null };
    expect(isRequiredAccount(bare, { email: 'a@x.example' })).toBe(false);
    expect(isRequiredAccount(bare, { hd: 'example.com' })).toBe(false);
  });
});

describe('user ids', () => {
  test.each([
    'a',
    'auth0|5f7c',
    '_x',
    'a==',
    'müller',
    'a/b',
    '.',
    '..',
    ' a ',
    '*',
    '%2F',
    '100%',
    'e\u0301',
    '用户',
    '\u2028',
    '\uffff',
    'a'.repeat(255),
    '😀'.repeat(255),
  ])('%j is one', (id) => {
    expect(isUserId(id)).toBe(true);
  });

  test.each([
    '',
    'a\n',
    'a\u0000b',
    '\u007f',
    '\u0085',
    '\u009f',
    '\ud800',
    '\ud83d',
    '\ude00\ud83d',
    'a'.repeat(256),
    '😀'.repeat(256),
    `${'😀'.repeat(255)}a`,
  ])('%j is none', (id) => {
    expect(isUserId(id)).toBe(false);
  });
});
