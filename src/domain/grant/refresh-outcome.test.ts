import { describe, expect, test } from '@jest/globals';
import type { Grant } from './grant.js';
import { entryKeyOf, keyOf, type RefreshOutcome, rotationOf } from './refresh-outcome.js';

const grant = (id = 'g', version = 1) => ({ id, version }) as Grant;
const token = (scopes: string[], refreshToken: object | null = null) =>
  ({ kind: 'token', scopes, response: { refreshToken }, token: null }) as unknown as RefreshOutcome;
const grantOnly = (refreshToken: object | null) =>
  ({ kind: 'grant_only', scopes: ['a'], issued: { refreshToken } }) as unknown as RefreshOutcome;
const NARROWED = grantOnly(null);
const DEAD = { kind: 'dead', diagnosis: {} } as RefreshOutcome;

test('only what came with a new refresh token is a rotation', () => {
  const outcomes = [token(['a']), token(['a'], {}), NARROWED, grantOnly({}), DEAD];
  expect(outcomes.map((outcome) => rotationOf(outcome) !== null)).toEqual([false, true, false, true, false]);
});

describe('the key of an unsaved result', () => {
  test('is one for a set of scopes in any order, under any name of them', () => {
    const email = 'https://www.googleapis.com/auth/userinfo.email';
    expect(keyOf(grant(), ['openid', 'email'])).toBe(keyOf(grant(), [email, 'openid', email]));
  });

  test('is another one for each grant, version and set of scopes', () => {
    const keys = [
      keyOf(grant()),
      keyOf(grant('g', 2)),
      keyOf(grant('h')),
      keyOf(grant(), ['a']),
      keyOf(grant(), ['a', 'b']),
      keyOf(grant('g', 11)),
      keyOf(grant('g1')),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each<[string, RefreshOutcome, string[] | null]>([
    ['a token is that of its scopes', token(['a']), ['a']],
    ['a rotation is that of the grant', token(['a'], {}), null],
    ['fewer scopes is that of the grant', NARROWED, null],
    ['a dead grant is that of the grant', DEAD, null],
  ])('of %s', (_, outcome, scopes) => {
    expect(entryKeyOf(grant(), outcome)).toBe(keyOf(grant(), scopes));
  });
});
