import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import { letGoOfConnections } from './let-go.js';
import { limitRates, type RateLimits } from './rate-limits.js';

/** Headers, cookies and limits that hold for every route. */
export async function harden(server: FastifyInstance, https: boolean, limits: RateLimits): Promise<void> {
  await server.register(cookie);
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'", (request) => (isDocs(request.url) ? "'unsafe-inline'" : "'self'")],
        scriptSrc: [(request) => (isDocs(request.url) ? "'self'" : "'none'")],
        connectSrc: [(request) => (isDocs(request.url) ? "'self'" : "'none'")],
        imgSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // A ticket or a code must not travel on in a Referer header.
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: https,
    // A page that opened the connect link in a window must still see that window close.
    crossOriginOpenerPolicy: { policy: 'unsafe-none' },
  });
  await limitRates(server, limits);
  letGoOfConnections(server);
}

/** Only the API's documentation runs scripts. */
function isDocs(url: string | undefined): boolean {
  return url?.startsWith('/docs') ?? false;
}
