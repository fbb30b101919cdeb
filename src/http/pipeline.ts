import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import { BROWSER_ROUTE } from './browser-route.js';
import { limitRates, type RateLimits } from './rate-limit/rate-limit.hook.js';
import { kindOf } from './rate-limit/route-kind.js';
import { decorateRequests } from './request-context.js';
import { securityHeaders } from './security-headers.js';
import { closeConnectionsGracefully } from './server/graceful-close.js';

/**
 * What holds for every call, whoever answers it: limits, and that nobody guesses at an answer's type. A service needs no
 * more; what tells a browser how to treat a page comes with `registerPageHeaders`.
 */
export function registerPipeline(server: FastifyInstance, publicUrl: string, limits: RateLimits): void {
  decorateRequests(server);
  const headers = securityHeaders(publicUrl);
  server.addHook('onRequest', ({ raw }, reply, done) => {
    void reply.headers(headers);
    // RFC 9112 section 3.2; HTTP/1.0 knows no Host.
    const lacksHost = raw.headers.host === undefined && raw.httpVersion === '1.1';
    done(lacksHost ? new BrokerError('invalid_request', 'The header Host is missing.') : undefined);
  });
  limitRates(server, limits);
  closeConnectionsGracefully(server);
}

/** The headers of whatever a browser may show as a page. */
export async function registerPageHeaders(server: FastifyInstance, https: boolean): Promise<void> {
  // The documentation's routes are made by Swagger, which knows nothing of kinds.
  server.addHook('onRoute', (route) => {
    if (isDocs(route.url)) route.config = { ...route.config, ...BROWSER_ROUTE };
  });
  await server.register(helmet, {
    global: false,
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
  server.addHook('onRequest', (request, reply, done) => {
    if (mayBePage(request)) void reply.helmet();
    done();
  });
}

/** Browsers ask for a page as text/html; the parts of the documentation belong to a page. */
function mayBePage(request: FastifyRequest): boolean {
  return kindOf(request) === 'browser' || (request.headers.accept?.includes('text/html') ?? false);
}

/** Only the API's documentation runs scripts. */
function isDocs(url: string | undefined): boolean {
  return url?.startsWith('/docs') ?? false;
}
