import { describe, expect, test } from '@jest/globals';
import type { ConnectOutcome } from './connect-outcome.js';
import { changeBy, type ConnectTicket, isExchanging, stateAt, TICKET_STATES } from './connect-ticket.js';

const NOW = new Date('2026-11-28T12:00:00.000Z');
const BEFORE = new Date(NOW.getTime() - 1);
const AFTER = new Date(NOW.getTime() + 1);
const account = { sub: '1', email: null };

function ticket(changes: Partial<ConnectTicket>): ConnectTicket {
  return {
    state: 'opened',
    endedAt: null,
    expiresAt: AFTER,
    exchangingUntil: null,
    ...changes,
  } as ConnectTicket;
}

describe('the state of a ticket', () => {
  test.each<[string, Partial<ConnectTicket>, string]>([
    ['whose time is not over', {}, 'opened'],
    ['at the moment its time is over', { expiresAt: NOW }, 'expired'],
    ['whose time was over before a job saw it', { expiresAt: BEFORE, state: 'pending' }, 'expired'],
    ['that ended in time', { expiresAt: BEFORE, endedAt: BEFORE, state: 'success' }, 'success'],
  ])('of one %s is right (%j gives %s)', (_, changes, state) => {
    expect(stateAt(ticket(changes), NOW)).toBe(state);
  });
});

test.each<[string, Partial<ConnectTicket>, boolean]>([
  ['no exchange', {}, false],
  ['one that may still take a moment', { exchangingUntil: AFTER }, true],
  ['one whose time is just over', { exchangingUntil: NOW }, false],
  ['one, and an end since', { exchangingUntil: AFTER, endedAt: NOW }, false],
])('a ticket with %s is told from one that is being exchanged', (_, changes, isOne) => {
  expect(isExchanging(ticket(changes), NOW)).toBe(isOne);
});

describe('an outcome changes a ticket', () => {
  const granted = {
    kind: 'granted',
    grantId: 'g',
    account,
    scopes: [],
    unrequested: [],
    insteadOf: [],
  } as const;

  test.each<[ConnectOutcome, string, string | null, string | null]>([
    [{ ...granted, missing: [] }, 'success', null, 'g'],
    [{ ...granted, missing: ['a'] }, 'partial', 'scopes_unticked', 'g'],
    [{ kind: 'held', grantId: 'h', account }, 'success', null, 'h'],
    [{ kind: 'denied' }, 'denied', 'access_denied', null],
    [{ kind: 'denied', isCancel: true }, 'denied', 'user_cancelled', null],
    [{ kind: 'cancelled' }, 'cancelled', 'ticket_cancelled', null],
    [{ kind: 'expired', cause: 'ticket_expired' }, 'expired', 'ticket_expired', null],
    [{ kind: 'failed', code: 'slots_full', detail: '', cause: 'slots_full' }, 'failed', 'slots_full', null],
  ])('that ends, by %j, to %s with the reason %p', (outcome, state, reason, grantId) => {
    const change = changeBy(outcome, 'call', NOW, AFTER);
    expect(change).toEqual({
      state,
      outcome,
      reason,
      grantId,
      exchangingUntil: null,
      requestId: 'call',
      endedAt: NOW,
    });
    expect(TICKET_STATES).toContain(state);
  });

  test.each<[ConnectOutcome, string | null]>([
    [{ kind: 'pending', code: 'c' }, null],
    [{ kind: 'finishing', cause: 'timeout', code: null }, 'timeout'],
  ])('that waits with %j, and gives it more time in place of an end', (outcome, reason) => {
    const change = changeBy(outcome, null, NOW, AFTER);
    expect(change).toEqual({
      state: 'pending',
      outcome,
      reason,
      grantId: null,
      exchangingUntil: null,
      expiresAt: AFTER,
    });
  });
});
