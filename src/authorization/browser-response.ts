import type { FastifyReply } from 'fastify';
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
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
 * Sends the browser on with an outcome: to the app, or to the page of the result where the request names no return_to. The
 * address that it leaves was that of a form, or has a code and a state.
 */
export async function respondToBrowser(
  reply: FastifyReply,
  { id, connectRequest: { returnTo } }: Shown,
  outcome: ConnectOutcome | null,
): Promise<void> {
  const isForApp = returnTo !== null && outcome !== null;
  await redirectTo(reply, isForApp ? returnAddress(returnTo, outcome) : resultAddress(id));
}

function resultAddress(ticketId: string): string {
  return `${RESULT_PATH}?${new URLSearchParams({ ticket: ticketId }).toString()}`;
}
