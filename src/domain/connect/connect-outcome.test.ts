import { describe, expect, test } from '@jest/globals';
import { BrokerError } from '../errors.js';
import type { Grant } from '../grant/grant.js';
import {
  type ConnectOutcome,
  isForUserFirst,
  mayTryAgain,
  outcomeOfGrant,
  outcomeOfRefusal,
  returnAddress,
} from './connect-outcome.js';

const account = { sub: '1', email: null };
const granted = {
  kind: 'granted',
  grantId: 'g',
  account,
  scopes: ['a'],
  missing: [],
  unrequested: [],
  insteadOf: [],
} as const;
const failed = { kind: 'failed', code: 'slots_full', detail: 'x', cause: 'slots_full' } as const;

test('the outcome of a grant names what was requested and not granted, whatever else Google gave', () => {
  const grant = { id: 'g', account, grantedScopes: ['a', 'c'] } as unknown as Grant;
  expect(outcomeOfGrant(grant, ['b', 'a'], ['x'], [account])).toEqual({
    ...granted,
    scopes: ['a', 'c'],
    missing: ['b'],
    unrequested: ['x'],
    insteadOf: [account],
  });
});

describe('a refusal by the broker', () => {
  test.each([
    ['slots_full', {}, 'slots_full', false],
    ['not_allowed', { reason: 'policy_changed' }, 'policy_changed', true],
    ['not_allowed', {}, 'internal_error', true],
    ['invalid_request', { reason: 'wrong_user' }, 'wrong_user', false],
    ['cell_unavailable', { reason: 'of another kind' }, 'internal_error', false],
    ['integrity_failed', { reason: 7 }, 'internal_error', false],
  ] as const)(
    'with the code %s and %j has the cause %s, and is final as %p',
    (code, more, cause, isFinal) => {
      const outcome = outcomeOfRefusal(new BrokerError(code, 'Why.', more));
      expect(outcome).toEqual({ kind: 'failed', code, detail: 'Why.', cause, isFinal });
      expect(mayTryAgain(outcome)).toBe(!isFinal);
    },
  );
});

describe('an outcome', () => {
  test.each<[ConnectOutcome, string, boolean]>([
    [granted, 'connect=success', false],
    [{ ...granted, insteadOf: [account] }, 'connect=success&connect_account=changed', false],
    [{ ...granted, missing: ['b'] }, 'connect=partial', true],
    [{ kind: 'held', grantId: 'g', account }, 'connect=success', false],
    [{ kind: 'pending', code: 'a+b/c=&' }, 'connect=pending&connect_code=a%2Bb%2Fc%3D%26', false],
    [{ kind: 'finishing', cause: 'timeout', code: 'c' }, 'connect=pending&connect_code=c', false],
    [{ kind: 'finishing', cause: 'timeout', code: null }, 'connect=pending', false],
    [{ kind: 'denied' }, 'connect=denied&connect_error=access_denied', true],
    [{ kind: 'cancelled' }, 'connect=cancelled', false],
    [{ kind: 'expired', cause: 'ticket_expired' }, 'connect=failed&connect_error=expired', false],
    [failed, 'connect=failed&connect_error=slots_full', true],
    [{ ...failed, isFinal: true }, 'connect=failed&connect_error=slots_full', false],
  ])('%j brings the app %s, and may be tried again as %p', (outcome, query, again) => {
    expect(returnAddress('https://app.example/done', outcome)).toBe(`https://app.example/done?${query}`);
    expect(mayTryAgain(outcome)).toBe(again);
  });

  test('leaves the rest of the address of the app as it is', () => {
    const address = returnAddress('https://app.example/ü?tab=a%20b&tab=c#top', granted);
    const { pathname, searchParams, hash } = new URL(address);
    expect([pathname, hash]).toEqual(['/%C3%BC', '#top']);
    expect([...searchParams]).toEqual([
      ['tab', 'a b'],
      ['tab', 'c'],
      ['connect', 'success'],
    ]);
  });

  test('leaves nothing of an earlier one in the address of the app', () => {
    const codes: ConnectOutcome = { kind: 'pending', code: 'c' };
    const changed: ConnectOutcome = { ...granted, insteadOf: [account] };
    const [address] = [codes, failed, changed, granted].reduce<string[]>(
      ([before = 'https://app.example/?connect=a&connect=b'], outcome) => [returnAddress(before, outcome)],
      [],
    );
    expect(address).toBe('https://app.example/?connect=success');
  });

  test('is for the user first where another account can be chosen', () => {
    expect(isForUserFirst({ ...failed, cause: 'wrong_account' })).toBe(true);
    expect([failed, granted, { kind: 'denied' } as const].some(isForUserFirst)).toBe(false);
  });
});
