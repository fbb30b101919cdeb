import type { FastifyReply } from 'fastify';
import type { Settings } from '../config/settings.js';
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { sendPage } from '../http/page-responses.js';
import { resultPage } from '../pages/result-page.js';
import { setBrowserBinding } from './browser-binding-cookie.js';
import type { AuthorizationRedirect } from './start-authorization.js';

/** Binds an authorization request to the browser, and redirects the browser to Google. */
export async function redirectToGoogle(
  reply: FastifyReply,
  { id, browserKey, seconds, consentUrl }: AuthorizationRedirect,
  { publicUrl }: Settings,
): Promise<void> {
  setBrowserBinding(reply, id, browserKey, publicUrl.startsWith('https:'), seconds);
  await reply.redirect(consentUrl, 303);
}

/**
 * Ends a connect in the browser: redirects to the app, or shows a page where the request names no return_to.
 * @param nextStep makes another link for the same connect; null after the first link has expired
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
