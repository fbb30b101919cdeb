import type { FastifyReply } from 'fastify';
import { returnAddress, type ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { resultPage } from '../pages/result-page.js';
import { sendPage } from './browser-route.js';

/**
 * Ends a connect in the browser: back to the app, or on a page of ours where the app named no address.
 * @param wayOn makes one more link for the same connect; null when its time is over
 */
export async function answerBrowser(
  reply: FastifyReply,
  wish: ConnectWish,
  outcome: ConnectOutcome,
  wayOn: () => Promise<string | null>,
): Promise<void> {
  if (wish.returnTo !== null) {
    await reply.redirect(returnAddress(wish.returnTo, outcome), 303);
    return;
  }
  const hasWayOn =
    outcome.kind === 'denied' ||
    (outcome.kind === 'failed' && outcome.isFinal !== true) ||
    (outcome.kind === 'granted' && outcome.missing.length > 0);
  await sendPage(reply, resultPage(wish.serviceName, outcome, hasWayOn ? await wayOn() : null));
}
