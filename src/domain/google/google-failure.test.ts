import { expect, test } from '@jest/globals';
import { GoogleFailure, type GoogleFailureKind, isTransient } from './google-failure.js';

test.each<[GoogleFailureKind, boolean]>([
  ['unavailable', true],
  ['withheld', true],
  ['grant_dead', false],
  ['client_rejected', false],
])('that a failure of kind %s is transient is %p', (kind, expected) => {
  expect(isTransient(new GoogleFailure(kind, 'error'))).toBe(expected);
});

test("the message of a failure is Google's code and text", () => {
  const failure = new GoogleFailure('grant_dead', 'invalid_grant', 'Bad Request');
  expect(failure.message).toBe('Google answered invalid_grant: Bad Request');
});
