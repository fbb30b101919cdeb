import { describe, expect, test } from '@jest/globals';
import { GoogleFailure } from '../google/google-failure.js';
import { diagnose, type Evidence } from './diagnosis.js';
import type { Grant } from './grant.js';

const DAY = 24 * 3600 * 1000;
const ISSUED = new Date('2026-05-01T12:00:00Z');
const day = (days: number) => new Date(ISSUED.getTime() + days * DAY);
const REVOKED = new GoogleFailure('grant_dead', 'invalid_grant', 'Token has been expired or revoked.');

function evidence(changes: Partial<Grant>, now: Date, ledgerSays: string | null = null): Evidence {
  const grant = {
    kind: 'user',
    status: 'active',
    grantedScopes: ['https://www.googleapis.com/auth/adwords'],
    consentedAt: ISSUED,
    refreshedAt: day(30),
    refreshTokenIssuedAt: ISSUED,
    refreshTokenExpiresAt: null,
    ...changes,
  } as Grant;
  return { grant, now, ledgerSays };
}

function summary(failure: GoogleFailure, facts: Evidence) {
  const { cause, confidence, who_must_act: who } = diagnose(failure, facts);
  return [cause, confidence, who];
}

describe('the diagnosis of a grant whose reason Google names', () => {
  test.each([
    [
      new GoogleFailure('grant_dead', 'invalid_grant', 'reauth related error (invalid_rapt)', 'invalid_rapt'),
      ['session_control', 'certain', 'user'],
    ],
    [
      new GoogleFailure(
        'grant_dead',
        'invalid_grant',
        'reauth related error (rapt_required)',
        'rapt_required',
      ),
      ['session_control', 'certain', 'user'],
    ],
    [
      new GoogleFailure('policy_rejected', 'admin_policy_enforced'),
      ['admin_policy_enforced', 'certain', 'workspace_admin'],
    ],
  ])('reads %s', (failure, expected) => {
    expect(summary(failure, evidence({}, day(31)))).toEqual(expected);
  });
});

describe('the diagnosis of a grant of which Google says only that it is dead', () => {
  test.each<[string, Evidence, string[]]>([
    [
      'the week that Google gave an app in Testing has passed',
      evidence({ refreshTokenExpiresAt: new Date(ISSUED.getTime() + 604_799_000) }, day(8)),
      ['testing_mode', 'certain', 'operator'],
    ],
    [
      'the time that the user allowed has passed',
      evidence({ refreshTokenExpiresAt: day(30) }, day(31)),
      ['time_based_access', 'certain', 'user'],
    ],
    [
      'the time that the user allowed has not passed',
      evidence({ refreshTokenExpiresAt: day(90) }, day(31)),
      ['user_revoked', 'inferred', 'user'],
    ],
    [
      'the ledger saw the token evicted',
      evidence({}, day(31), 'slot_eviction'),
      ['slot_eviction', 'inferred', 'user'],
    ],
    [
      'the ledger saw another grant of the account revoked',
      evidence({}, day(31), 'revoked_with_sibling'),
      ['revoked_with_sibling', 'inferred', 'user'],
    ],
    ['it was not used for six months', evidence({}, day(30 + 183)), ['inactivity', 'inferred', 'user']],
    [
      'it worked until its seventh day',
      evidence({ refreshedAt: day(6) }, day(8)),
      ['testing_mode', 'inferred', 'operator'],
    ],
    [
      'it worked after its seventh day',
      evidence({ refreshedAt: day(7.5) }, day(8)),
      ['user_revoked', 'inferred', 'user'],
    ],
    [
      'it holds Gmail scopes, which a new password ends',
      evidence({ grantedScopes: ['https://www.googleapis.com/auth/gmail.readonly'] }, day(31)),
      ['user_revoked_or_password_changed', 'inferred', 'user'],
    ],
    [
      'it holds all of Gmail',
      evidence({ grantedScopes: ['https://mail.google.com/'] }, day(31)),
      ['user_revoked_or_password_changed', 'inferred', 'user'],
    ],
    ['nothing else explains it', evidence({}, day(31)), ['user_revoked', 'inferred', 'user']],
  ])('is right where %s', (_, facts, expected) => {
    expect(summary(REVOKED, facts)).toEqual(expected);
  });

  test('says in its detail what happened, then what to do', () => {
    expect(diagnose(REVOKED, evidence({}, day(30 + 183))).detail).toBe(
      'The grant was not used for six months; Google ends such grants. The user must connect again.',
    );
  });
});
