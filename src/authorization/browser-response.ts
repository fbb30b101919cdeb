import type { FastifyReply } from 'fastify';
import { type ConnectOutcome, isForUserFirst, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';

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
