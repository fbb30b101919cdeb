import type { FastifyReply } from 'fastify';
import { returnAddress, type ConnectOutcome } from '../domain/connect-outcome.js';
import type { ConnectWish } from '../domain/connect-wish.js';
import { resultPage } from '../pages/result-page.js';
import { sendPage } from './browser-route.js';

/**
 * Ends a connect in the browser: back to the app, or on a page of ours where the app named no address.
 * @param wayOn makes a fresh link for the same wish
 */
export async function answerBrowser(
  reply: FastifyReply,
  wish: ConnectWish,
  outcome: ConnectOutcome,
  wayOn: () => Promise<string>,
): Promise<void> {
  if (wish.returnTo !== null) {
    await reply.redirect(returnAddress(wish.returnTo, outcome), 303);
    return;
  }
  const isDone = outcome.kind === 'held' || (outcome.kind === 'granted' && outcome.missing.length === 0);
  await sendPage(reply, resultPage(wish.serviceName, outcome, isDone ? null : await wayOn()));
}
