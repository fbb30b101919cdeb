import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Secret } from '../domain/secret.js';

/**
 * Binds an authorization request to the browser that started it, so that a stranger's authorization response cannot be
 * finished in this browser (CSRF: RFC 6749 section 10.12, RFC 9700 section 4.7). One cookie per request: tabs do not
 * disturb each other.
 */
const NAME = 'connect-';

function cookieName(authorizationId: string, secure: boolean): string {
  // With the prefix, browsers require https, Path=/ and no Domain; on plain http they refuse the cookie.
  return `${secure ? '__Host-' : ''}${NAME}${authorizationId}`;
}

export function setBrowserBinding(
  reply: FastifyReply,
  authorizationId: string,
  key: Secret,
  secure: boolean,
  seconds: number,
): void {
  setCookie(reply, authorizationId, key.reveal(), secure, seconds);
}

export function readBrowserBinding(
  request: FastifyRequest,
  authorizationId: string,
  secure: boolean,
): Secret | null {
  const value = parseCookie(request.headers.cookie ?? '')[cookieName(authorizationId, secure)];
  return value === undefined ? null : new Secret(value);
}

export function clearBrowserBinding(reply: FastifyReply, authorizationId: string, secure: boolean): void {
  setCookie(reply, authorizationId, '', secure, 0);
}

function setCookie(
  reply: FastifyReply,
  authorizationId: string,
  value: string,
  secure: boolean,
  maxAge: number,
): void {
  const name = cookieName(authorizationId, secure);
  const cookie = stringifySetCookie({
    name,
    value,
    maxAge,
    path: '/',
    httpOnly: true,
    secure,
    sameSite: 'lax',
  });
  void reply.header('set-cookie', cookie);
}
