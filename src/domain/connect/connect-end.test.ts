import { describe, expect, test } from '@jest/globals';
import { causeFacts, type ConnectEnd, endOf } from './connect-end.js';
import type { ConnectOutcome } from './connect-outcome.js';

const account = { sub: '1', email: null };
const granted = {
  kind: 'granted',
  grantId: 'g',
  account,
  scopes: [],
  unrequested: [],
  insteadOf: [],
} as const;
const failed = { kind: 'failed', code: 'google_unavailable', detail: 'x', cause: 'http_error' } as const;
const parties = { serviceId: 's', userId: 'alice', client: 'default' };

describe('the end of a connect', () => {
  test.each<[ConnectOutcome, Partial<ConnectEnd>]>([
    [
      { ...granted, missing: [] },
      { outcome: 'ok', cause: 'none' },
    ],
    [
      { ...granted, missing: ['a'] },
      { outcome: 'partial', cause: 'scopes_unticked' },
    ],
    [
      { kind: 'held', grantId: 'g', account },
      { outcome: 'held', cause: 'none' },
    ],
    [
      { kind: 'pending', code: 'secret' },
      { outcome: 'pending', cause: 'none' },
    ],
    [
      { kind: 'finishing', cause: 'timeout', code: 'secret' },
      { outcome: 'finishing', cause: 'timeout' },
    ],
    [{ kind: 'denied' }, { outcome: 'denied', cause: 'access_denied' }],
    [
      { kind: 'denied', isCancel: true },
      { outcome: 'denied', cause: 'user_cancelled' },
    ],
    [{ kind: 'cancelled' }, { outcome: 'cancelled', cause: 'ticket_cancelled' }],
    [
      { kind: 'expired', cause: 'state_expired' },
      { outcome: 'expired', cause: 'state_expired' },
    ],
    [failed, { outcome: 'failed', cause: 'http_error' }],
    [
      { ...failed, google: { error: 'invalid_grant', subtype: 'invalid_rapt' } },
      {
        outcome: 'failed',
        cause: 'http_error',
        googleError: 'invalid_grant',
        googleErrorSubtype: 'invalid_rapt',
      },
    ],
    [
      { ...failed, google: { error: '<b>any text</b>', subtype: null } },
      { outcome: 'failed', cause: 'http_error', googleError: 'unknown_error', googleErrorSubtype: null },
    ],
  ])('by %j is %j, and holds no code', (outcome, end) => {
    expect(endOf(outcome, parties, 'call')).toEqual({ ...end, connectRequest: parties, requestId: 'call' });
  });
});

describe('the cause in the audit trail', () => {
  const end = { outcome: 'failed', connectRequest: null, requestId: 'call' } as const;

  test.each<[Partial<ConnectEnd>, Record<string, string>]>([
    [{ cause: 'none' }, {}],
    [{ cause: 'timeout' }, { cause: 'timeout' }],
    [
      { cause: 'access_denied', googleError: 'access_denied', googleErrorSubtype: null },
      { cause: 'access_denied', google_error: 'access_denied' },
    ],
    [
      { cause: 'other_google_error', googleError: 'new_one', googleErrorSubtype: 'a b\n' },
      { cause: 'other_google_error', google_error: 'new_one', google_error_subtype: 'unknown_error' },
    ],
  ])('of %j is %j', (changes, facts) => {
    expect(causeFacts({ ...end, ...changes } as ConnectEnd)).toEqual(facts);
  });
});
