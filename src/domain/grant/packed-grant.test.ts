import { expect, test } from '@jest/globals';
import { Secret } from '../secret.js';
import { SharedValues } from '../cache-memory.js';
import { type CachedGrant, pack, unpack } from './packed-grant.js';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 28, 4, minute, 0, 123));
const SCOPES = ['https://www.googleapis.com/auth/adwords', 'openid'];
const cached = (id: string, more: object = {}): CachedGrant => ({
  isIntact: true,
  grant: {
    id,
    kind: 'user',
    userId: `user ${id} \u{1f600}"\\`,
    client: 'default',
    account: { sub: '1034', email: null },
    subject: null,
    requestedScopes: [...SCOPES],
    grantedScopes: [...SCOPES],
    status: 'active',
    diagnosis: null,
    version: 3,
    refreshes: 7,
    createdAt: at(1),
    consentedAt: at(2),
    refreshedAt: null,
    refreshTokenIssuedAt: at(3),
    refreshTokenExpiresAt: null,
    importedAt: null,
    ...more,
  },
  tokens: new Map([
    [
      SCOPES.join(' '),
      {
        token: new Secret(`ya29.${id}`),
        scopes: [...SCOPES],
        obtainedAt: at(4),
        expiresAt: at(5),
        refreshFrom: at(6),
        replacesRefused: true,
      },
    ],
  ]),
});

test.each<[string, CachedGrant]>([
  ['of a user', cached('1')],
  [
    'with each value that may be missing',
    cached('2', {
      account: { sub: '1034', email: 'müller@example.com' },
      refreshedAt: at(7),
      refreshTokenExpiresAt: at(8),
      importedAt: at(9),
    }),
  ],
  [
    'that is dead',
    {
      ...cached('3', {
        kind: 'service_account',
        subject: 'alice@example.com',
        status: 'revoked',
        diagnosis: { cause: 'c', confidence: 'certain', who_must_act: 'user', detail: 'd' },
      }),
      tokens: new Map(),
      isIntact: false,
    },
  ],
])('a grant %s is the same once it is packed and unpacked', (_, grant) => {
  const unpacked = unpack(pack(grant, new SharedValues()));
  expect(unpacked).toEqual(grant);
  for (const [key, { token }] of grant.tokens) expect(unpacked.tokens.get(key)?.token).toBe(token);
});

test('a packed grant shows no token, and shares its scopes with others', () => {
  const shared = new SharedValues();
  const [one, other] = [pack(cached('1'), shared), pack(cached('2'), shared)];
  expect(JSON.stringify(one)).not.toContain('ya29');
  expect(other.grantedScopes).toBe(one.grantedScopes);
  expect(other.requestedScopes).toBe(one.grantedScopes);
  expect(other.tokens[0]?.scopes).toBe(one.grantedScopes);
});

test('what is shared is forgotten where there is too much of it, and still equal', () => {
  const shared = new SharedValues();
  const first = shared.of(['a']);
  expect(shared.of(['a'])).toBe(first);
  for (let value = 0; value < 2000; value++) shared.of([value]);
  expect(shared.of(['a'])).not.toBe(first);
  expect(shared.of(['a'])).toEqual(first);
});
