import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';

/** Marks a route that people's browsers use: limited by address, never by service. */
export const BROWSER_ROUTE = { kind: 'browser' } as const;

/**
 * Browsers hold the whole chain of redirects behind a form to form-action (CSP level 3, section 6.4.3): here Google,
 * the sign-on server of a user's Workspace, our callback, the app's own address. Nobody can list these, so the one
 * page whose form begins that chain goes without the directive. It holds no script and no markup of others.
 */
export function allowFormToLeave(reply: FastifyReply): void {
  const policy = String(reply.getHeader('content-security-policy'));
  void reply.header('content-security-policy', policy.replace(/;?form-action [^;]*/, ''));
}

/**
 * Refuses a form that another site's page sent: it would skip the page that says what is about to happen.
 * Browsers say where a request comes from (Fetch Metadata, W3C); what is no browser has no cookies to abuse.
 * @throws {BrokerError} `invalid_request`
 */
export function assertOwnPage(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin') return;
  throw new BrokerError(
    'invalid_request',
    'This form was not sent from our own page. Open the link and press the button.',
    {
      reason: 'other_site',
    },
  );
}

/** Pages hold tickets, accounts and outcomes: none is kept by a browser or a proxy. */
export async function sendPage(reply: FastifyReply, html: string): Promise<void> {
  await reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(html);
}
