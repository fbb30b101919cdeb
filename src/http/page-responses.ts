import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';

/**
 * Drops form-action from the Content-Security-Policy of the connect page. Browsers apply it to every redirect that
 * follows the form (CSP level 3, section 6.4.3): Google, the sign-on server of a user's Workspace, the callback, the
 * app. These cannot be listed. The page holds no script and no markup of others.
 */
export function allowFormToLeave(reply: FastifyReply): void {
  const policy = String(reply.getHeader('content-security-policy'));
  void reply.header('content-security-policy', policy.replace(/;?form-action [^;]*/, ''));
}

/**
 * Refuses a form that another site's page sent: it would skip the page that says what the user confirms.
 * Browsers send the origin's relation in Sec-Fetch-Site (Fetch Metadata, W3C); other clients have no cookies to abuse.
 * @throws {BrokerError} `invalid_request`
 */
export function assertOwnPage(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin') return;
  throw new BrokerError(
    'invalid_request',
    "This form was not sent from the broker's own page. Open the link and press the button.",
    {
      reason: 'other_site',
    },
  );
}

/** Pages hold tickets, accounts and outcomes: no browser or proxy may store one. */
export async function sendPage(reply: FastifyReply, html: string): Promise<void> {
  await reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(html);
}
