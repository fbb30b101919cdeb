import { BrokerError } from '../domain/errors.js';

/**
 * Why an authorization response is refused, in words for its user: those of /callback, which are shown at an address without
 * code and state.
 */
const GO_BACK = 'Go back to the app; if it is not connected, start again there.';

const WHAT: Readonly<Record<string, string>> = {
  state_missing: 'This page is only for browsers that Google sends back.',
  malformed_response: 'This answer is not as Google sends it.',
  state_unknown: 'This answer belongs to no connect that is in progress.',
  other_browser:
    'This connect was started in another browser, or its cookie is gone. If you have that browser open, continue there.',
  wrong_issuer: 'This answer does not come from Google.',
};

/** @returns null for a reason that is none of these: anyone can make an address */
export function callbackRefusal(reason: string): BrokerError | null {
  const what = Object.hasOwn(WHAT, reason) ? WHAT[reason] : undefined;
  return what === undefined ? null : new BrokerError('invalid_request', `${what} ${GO_BACK}`, { reason });
}
