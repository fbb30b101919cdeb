/**
 * Where a browser goes with an outcome: on to the app, or to the page of the result; and what that page says of an authorization
 * response that is refused. Does not own how a response is judged (callback/).
 */
import type { FastifyReply } from 'fastify';
import { type ConnectOutcome, isForUserFirst, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';

/** Where this browser sees an outcome, and the refusals of the callback, at an address without code and state. */
export const RESULT_PATH = '/connect/result';

/** A ticket whose outcome is known, or is still to be. */
interface Shown {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
}

export async function redirectTo(reply: FastifyReply, url: string): Promise<void> {
  await reply.header('cache-control', 'no-store').redirect(url, 303);
}

/**
 * Sends the browser on with an outcome: to the app, or to the page of the result where the request names no return_to, or where
 * the user can put it right. The address that it leaves was that of a form, or has a code and a state.
 */
export async function respondToBrowser(
  reply: FastifyReply,
  { id, connectRequest }: Shown,
  outcome: ConnectOutcome | null,
): Promise<void> {
  await redirectTo(reply, appAddress(connectRequest, outcome) ?? resultAddress(id));
}

/** @returns null for an outcome that the broker's own page shows */
export function appAddress({ returnTo }: ConnectRequest, outcome: ConnectOutcome | null): string | null {
  if (returnTo === null || outcome === null || isForUserFirst(outcome)) return null;
  return returnAddress(returnTo, outcome);
}

function resultAddress(ticketId: string): string {
  return `${RESULT_PATH}?${new URLSearchParams({ ticket: ticketId }).toString()}`;
}

const GO_BACK = 'Go back to the app; if it is not connected, start again there.';

/** Why an authorization response is refused, in words for its user. */
const WHAT = {
  state_missing: 'This page is only for browsers that Google sends back.',
  malformed_response: 'This answer is not as Google sends it.',
  state_unknown: 'This answer belongs to no connect that is in progress.',
  other_browser:
    'This connect was started in another browser, or its cookie is gone. If you have that browser open, continue there.',
  wrong_issuer: 'This answer does not come from Google.',
} as const;

type CallbackRefusalReason = keyof typeof WHAT;

export function callbackRefusal(reason: CallbackRefusalReason): BrokerError {
  return new BrokerError('invalid_request', `${WHAT[reason]} ${GO_BACK}`, { reason });
}

/** @returns null for a text that is no such reason: anyone can make an address */
export function readRefusalReason(text: string): CallbackRefusalReason | null {
  return Object.hasOwn(WHAT, text) ? (text as CallbackRefusalReason) : null;
}
