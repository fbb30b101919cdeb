import type { FastifyReply, FastifyRequest } from 'fastify';
import { Secret } from '../domain/secret.js';

/**
 * The cookie that ties a trip to Google to the browser that began it, so that nobody can finish a connect that
 * somebody else started (RFC 6749 section 10.12). One cookie a trip: tabs do not disturb each other.
 */
const NAME = 'connect-';

function cookieName(tripId: string, secure: boolean): string {
  // The prefix makes browsers insist on https, Path=/ and no Domain; on plain http they would refuse it.
  return `${secure ? '__Host-' : ''}${NAME}${tripId}`;
}

function options(secure: boolean) {
  return { path: '/', httpOnly: true, secure, sameSite: 'lax' as const };
}

export function setBrowserKey(
  reply: FastifyReply,
  tripId: string,
  key: Secret,
  secure: boolean,
  seconds: number,
): void {
  void reply.setCookie(cookieName(tripId, secure), key.reveal(), { ...options(secure), maxAge: seconds });
}

export function readBrowserKey(request: FastifyRequest, tripId: string, secure: boolean): Secret | null {
  const value = request.cookies[cookieName(tripId, secure)];
  return value === undefined ? null : new Secret(value);
}

export function clearBrowserKey(reply: FastifyReply, tripId: string, secure: boolean): void {
  void reply.clearCookie(cookieName(tripId, secure), options(secure));
}
