import { describe, expect, test } from '@jest/globals';
import { type Expirable, forecast } from './expiry-forecast.js';

const DAY = 24 * 3600 * 1000;
const ISSUED = new Date('2026-11-01T10:30:00Z');
const after = (ms: number) => new Date(ISSUED.getTime() + ms);

function grant(changes: Partial<Expirable> = {}): Expirable {
  return {
    kind: 'user',
    status: 'active',
    grantedScopes: ['openid', 'https://www.googleapis.com/auth/adwords'],
    consentedAt: ISSUED,
    refreshedAt: null,
    refreshTokenIssuedAt: ISSUED,
    refreshTokenExpiresAt: null,
    ...changes,
  };
}

describe('the expiry of a grant', () => {
  test('follows six months without use, counted from the day of the last use', () => {
    const inactivity = { at: new Date('2027-05-03T00:00:00Z'), reason: 'inactivity' };
    expect(forecast(grant(), false)).toEqual(inactivity);
    expect(forecast(grant({ refreshedAt: after(2 * DAY) }), false)).toEqual({
      at: new Date(inactivity.at.getTime() + 2 * DAY),
      reason: 'inactivity',
    });
  });

  test('follows after 7 days for an app in Testing, where the operator says so', () => {
    expect(forecast(grant(), true)).toEqual({ at: after(7 * DAY), reason: 'testing_mode' });
  });

  test('does not come after 7 days for an app in Testing that only signs users in', () => {
    const scopes = ['openid', 'email', 'profile'].map((name) =>
      name === 'openid' ? name : `https://www.googleapis.com/auth/userinfo.${name}`,
    );
    expect(forecast(grant({ grantedScopes: scopes }), true)?.reason).toBe('inactivity');
  });

  test.each([
    // What Google answers for apps in Testing (seen).
    [604_799, 'testing_mode'],
    [3 * 24 * 3600, 'time_based_access'],
    [30 * 24 * 3600, 'time_based_access'],
  ])('of %d s that Google gives has the reason %s', (seconds, reason) => {
    const at = after(seconds * 1000);
    expect(forecast(grant({ refreshTokenExpiresAt: at }), false)).toEqual({ at, reason });
  });

  test('is the earliest of several', () => {
    const limited = grant({ refreshTokenExpiresAt: after(3 * DAY) });
    expect(forecast(limited, true)).toEqual({ at: after(3 * DAY), reason: 'time_based_access' });
  });

  test.each<Partial<Expirable>>([
    { status: 'suspended' },
    { status: 'reconnect_required' },
    { kind: 'service_account' },
  ])('does not exist for %j', (changes) => {
    expect(forecast(grant(changes), true)).toBeNull();
  });
});
