import type { FastifyReply } from 'fastify';
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { sendPage } from '../http/browser-route.js';
import { resultPage } from '../pages/result-page.js';

/**
 * Ends a connect in the browser: back to the app, or on a page of ours where the app named no address.
 * @param wayOn makes one more link for the same connect; null when its time is over
 */
export async function respondToBrowser(
  reply: FastifyReply,
  connectRequest: ConnectRequest,
  outcome: ConnectOutcome,
  nextStep: () => Promise<string | null>,
): Promise<void> {
  if (connectRequest.returnTo !== null) {
    await reply.redirect(returnAddress(connectRequest.returnTo, outcome), 303);
    return;
  }
  const hasNextStep =
    outcome.kind === 'denied' ||
    (outcome.kind === 'failed' && outcome.isFinal !== true) ||
    (outcome.kind === 'granted' && outcome.missing.length > 0);
  await sendPage(
    reply,
    resultPage(connectRequest.serviceName, outcome, hasNextStep ? await nextStep() : null),
  );
}
