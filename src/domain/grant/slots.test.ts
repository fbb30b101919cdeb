import { describe, expect, test } from '@jest/globals';
import { evictedOfOtherUser, isNearlyFull, type LiveRefreshToken, slotsOf } from './slots.js';

const LIMIT = 100;

function tokens(count: number, first: Partial<LiveRefreshToken> = {}): LiveRefreshToken[] {
  const token = {
    grantId: 'g',
    userId: 'bob',
    client: 'ads',
    issuedAt: new Date(0),
    isAgeKnown: true,
    current: true,
  };
  return Array.from({ length: count }, (_, index) => ({ ...token, ...(index === 0 ? first : {}) }));
}

describe('the slots of an account and client', () => {
  test.each([
    [0, 100, false, false],
    [89, 11, false, false],
    [90, 10, true, false],
    [99, 1, true, false],
    [100, 0, true, true],
    // Google has evicted the oldest by then.
    [101, 0, true, true],
  ])('with %d live tokens include %d free ones', (count, free, nearlyFull, evicts) => {
    const live = tokens(count);
    expect(slotsOf(live, LIMIT)).toEqual({
      limit: LIMIT,
      used: LIMIT - free,
      free,
      nearlyFull,
      evictable: evicts ? live.slice(0, 1) : [],
      oldest: live[0] ?? null,
      isOldestCertain: true,
    });
  });

  test('are nearly full at nine tenths of a small limit, rounded up', () => {
    expect([1, 2, 3].map((used) => isNearlyFull(used, 3))).toEqual([false, false, true]);
  });
});

describe("whether a new token would evict another user's", () => {
  test.each<[string, number, Partial<LiveRefreshToken>, boolean]>([
    ['slots are free', 99, {}, false],
    ["the oldest is another user's", 100, {}, true],
    ["the oldest is the user's own", 100, { userId: 'alice' }, false],
    ['a newer token took the place of the oldest', 100, { current: false }, false],
    ['the oldest belongs to no grant any more', 100, { userId: null, grantId: null }, false],
  ])('is decided where %s with %d live tokens', (_, count, first, harms) => {
    expect(evictedOfOtherUser(slotsOf(tokens(count, first), LIMIT), 'alice') !== null).toBe(harms);
  });

  test('is assumed of an imported one that may be older than those booked before it', () => {
    const [own, ...others] = tokens(LIMIT, { userId: 'alice' });
    const rest = others.map((token) => ({ ...token, userId: 'alice' }));
    const imported = { ...(own as LiveRefreshToken), grantId: 'imported', userId: 'bob', isAgeKnown: false };
    const slots = slotsOf([own as LiveRefreshToken, imported, ...rest.slice(1)], LIMIT);
    expect(slots).toMatchObject({ oldest: imported, isOldestCertain: false });
    expect(evictedOfOtherUser(slots, 'alice')).toBe(imported);
    // Whatever was booked after it is younger.
    const first = slotsOf([imported, own as LiveRefreshToken, ...rest.slice(1)], LIMIT);
    expect(first).toMatchObject({ evictable: [imported], isOldestCertain: true });
  });
});
