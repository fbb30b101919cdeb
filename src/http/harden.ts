import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isBrowserRoute } from './browser-route.js';
import { letGoOfConnections } from './let-go.js';
import { limitRates, type RateLimits } from './rate-limits.js';
import { reserveRequestFacts } from './request-facts.js';

/**
 * What holds for every call, whoever answers it: limits, and that nobody guesses at an answer's type. A service needs no
 * more; what tells a browser how to treat a page comes with `dressPages`.
 */
export function harden(server: FastifyInstance, https: boolean, limits: RateLimits): void {
  reserveRequestFacts(server);
  limitRates(server, limits);
  const headers = https ? { ...NO_GUESSING, ...STRICT_TRANSPORT } : NO_GUESSING;
  server.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(headers);
    done();
  });
  letGoOfConnections(server);
}

/** The headers of whatever a browser may show as a page. */
export async function dressPages(server: FastifyInstance, https: boolean): Promise<void> {
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

const NO_GUESSING = { 'x-content-type-options': 'nosniff' };
/** As helmet says it. */
const STRICT_TRANSPORT = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' };

/** Browsers ask for a page as text/html; the stylesheet and the documentation belong to pages. */
function mayBePage({ url, headers, routeOptions }: FastifyRequest): boolean {
  return (
    isBrowserRoute(routeOptions.config) ||
    isDocs(url) ||
    url === '/style.css' ||
    (headers.accept?.includes('text/html') ?? false)
  );
}

/** Only the API's documentation runs scripts. */
function isDocs(url: string | undefined): boolean {
  return url?.startsWith('/docs') ?? false;
}
