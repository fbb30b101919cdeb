import type { IncomingMessage } from 'node:http';
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import { kindOf } from './rate-limit/route-limits.js';
import { wantsPage } from './wants-page.js';

const NO_SNIFFING = { 'x-content-type-options': 'nosniff' };
/** The value that helmet sets. */
const STRICT_TRANSPORT = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' };
const BOTH = { ...NO_SNIFFING, ...STRICT_TRANSPORT };

/** The headers of every response. HSTS only where browsers reach the broker by https. */
export function securityHeaders(publicUrl: string): Readonly<Record<string, string>> {
  return publicUrl.startsWith('https:') ? BOTH : NO_SNIFFING;
}

/** The headers of each response that holds a token, a refusal of one or anything else that no cache may keep, as a flat list. */
export function uncachedHeaders(publicUrl: string): string[] {
  return Object.entries({ ...securityHeaders(publicUrl), 'cache-control': 'no-store' }).flat();
}

/** Sets the headers of every response, and refuses a request without exactly one valid Host (RFC 9112 section 3.2). */
export function registerSecurityHeaders(server: FastifyInstance, publicUrl: string): void {
  const headers = securityHeaders(publicUrl);
  server.addHook('onRequest', ({ raw }, reply, done) => {
    void reply.headers(headers);
    const fault = hostFault(raw);
    done(fault === null ? undefined : new BrokerError('invalid_request', `The header Host ${fault}`));
  });
}

/** RFC 9110 section 7.2, RFC 3986 section 3.2: a name or an address, and a port; no user, no space, no list of two. */
const HOST = /^(?:\[[\dA-Za-z.:]+\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})*)(?::\d*)?$/;

/** @returns whether the value of a Host header is well-formed */
export function isHost(value: string): boolean {
  return HOST.test(value);
}

function hostFault({ headers: { host }, httpVersion, rawHeaders }: IncomingMessage): string | null {
  // HTTP/1.0 has no Host.
  if (host === undefined) return httpVersion === '1.1' ? 'is missing.' : null;
  if (!isHost(host)) return 'is malformed.';
  // Node keeps the first one and drops the others.
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1 ? 'stands there more than once.' : null;
}

/** Sets the further headers of a response that a browser may show as a page. */
export async function registerPageHeaders(server: FastifyInstance, publicUrl: string): Promise<void> {
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
    // A ticket or a code must not leak in a Referer header.
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: publicUrl.startsWith('https:'),
    // A page that opened the connect link in a window must still see that window close.
    crossOriginOpenerPolicy: { policy: 'unsafe-none' },
  });
  server.addHook('onRequest', (request, reply, done) => {
    if (mayBePage(request)) void reply.helmet();
    done();
  });
}

/** Browsers request a page as text/html; the files of the documentation belong to a page. */
function mayBePage(request: FastifyRequest): boolean {
  return kindOf(request) === 'browser' || wantsPage(request);
}

/** Only the API's documentation runs scripts. */
function isDocs(url: string | undefined): boolean {
  return url?.startsWith('/docs') ?? false;
}
