import { describe, expect, test } from '@jest/globals';
import { backoffAfter } from '../grant/backoff.js';
import { GoogleFailure, type GoogleFailureKind, isTransient } from './google-failure.js';

describe('the backoff of a grant after failures', () => {
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

test.each<[GoogleFailureKind, boolean]>([
  ['unavailable', true],
  ['withheld', true],
  ['grant_dead', false],
  ['client_rejected', false],
])('%s is transient: %p', (kind, expected) => {
  expect(isTransient(new GoogleFailure(kind, 'error'))).toBe(expected);
});

test("the message of a failure is Google's code and text", () => {
  const failure = new GoogleFailure('grant_dead', 'invalid_grant', 'Bad Request');
  expect(failure.message).toBe('Google answered invalid_grant: Bad Request');
});
