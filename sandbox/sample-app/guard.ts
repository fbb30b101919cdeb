import type { FastifyInstance } from 'fastify';
import { isFromSameOrigin } from '../same-origin.js';

/** Thrown for a request that no page of this app makes. */
export class ForeignRequest extends Error {
  override readonly name = 'ForeignRequest';
}

/**
 * Refuses requests of other sites: their forms cannot change anything here, their frames cannot show this app, and a
 * host name of theirs that resolves to this machine reads nothing.
 */
export function guard(app: FastifyInstance, url: string, brokerOrigin: string): void {
  const { host, origin } = new URL(url);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      // The form leads on to the broker's connect page; browsers hold redirects to form-action as well.
      'content-security-policy':
        `default-src 'none'; style-src 'self'; img-src data:; form-action 'self' ${brokerOrigin}; ` +
        "base-uri 'none'; frame-ancestors 'none'",
      // With no-referrer, browsers would send `Origin: null` with this app's own forms.
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    if (request.method === 'GET' && request.headers.host === host) return;
    if (request.method === 'GET') return reply.redirect(url);
    if (!isFromSameOrigin(request.headers, [origin])) throw new ForeignRequest();
  });
}
