import { expect, test } from '@jest/globals';
import { eventRefused, SECURITY_EVENT_NAMES, SECURITY_EVENTS, securityEventName } from './security-event.js';

const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/';

test('the events are those of OAuth for tokens, and of RISC for accounts and the stream', () => {
  const ofOAuth = SECURITY_EVENT_NAMES.filter((name) => SECURITY_EVENTS[name].startsWith(OAUTH));
  const ofRisc = SECURITY_EVENT_NAMES.filter((name) => SECURITY_EVENTS[name].startsWith(RISC));
  expect(ofOAuth).toEqual(['tokens-revoked', 'token-revoked']);
  expect(ofRisc).toHaveLength(SECURITY_EVENT_NAMES.length - 2);
});

test.each(SECURITY_EVENT_NAMES)('the event %s is known by its whole type, and each has another', (name) => {
  const type = SECURITY_EVENTS[name];
  expect(type.slice(type.lastIndexOf('/') + 1)).toBe(name);
  expect(securityEventName(type)).toBe(name);
});

test.each([
  '',
  'account-disabled',
  `${OAUTH}account-disabled`,
  `${RISC}tokens-revoked`,
  `${RISC}account-disabled/`,
  `${RISC}Account-Disabled`,
  `${RISC}account-disabled#x`,
  `http${RISC.slice('https'.length)}account-disabled`,
  `${RISC}constructor`,
  'toString',
])('the type %j is that of no event that the broker handles', (type) => {
  expect(securityEventName(type)).toBeNull();
});

test('a refusal has the members that RFC 8935 asks for', () => {
  const refusal = eventRefused('invalid_audience', 'For another client.');
  expect(refusal).toMatchObject({
    code: 'invalid_request',
    extensions: { err: 'invalid_audience', description: 'For another client.' },
  });
});
