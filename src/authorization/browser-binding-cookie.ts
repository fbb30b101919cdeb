import { Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import type { ConnectTicket } from '../domain/connect/connect-ticket.js';
import { Secret } from '../domain/secret.js';
import { Sealer } from '../sealing/sealer.js';
import { hashOfBrowserKey, isHashOfBrowserKey, randomSecret } from './start-authorization.js';

/** Longer than a connect may take: the browser that began sees the outcome again. */
const COOKIE_SECONDS = 2 * 3600;

/**
 * Binds a connect ticket to the browser that began it, so that another browser's authorization response cannot be finished in this
 * browser, nor this browser's outcome be seen in another one (CSRF: RFC 6749 section 10.12, RFC 9700 section 4.7). One cookie with
 * a random key per ticket: tabs do not disturb each other. The broker stores a digest of the key.
 * docs/decisions/0021-resuming-connects.md says why one browser may begin twice.
 */
@Injectable()
export class BrowserBinding {
  readonly #isSecure: boolean;

  constructor(
    settings: Settings,
    private readonly sealer: Sealer,
  ) {
    this.#isSecure = settings.publicUrl.startsWith('https:');
  }

  read(request: FastifyRequest, ticketId: string): Secret | null {
    const value = parseCookie(request.headers.cookie ?? '')[this.#nameOf(ticketId)];
    return value === undefined || value === '' ? null : new Secret(value);
  }

  /** The key of this browser; makes one where it has none. */
  ensure(request: FastifyRequest, reply: FastifyReply, ticketId: string): Secret {
    const key = this.read(request, ticketId) ?? randomSecret();
    const cookie = stringifySetCookie({
      name: this.#nameOf(ticketId),
      value: key.reveal(),
      maxAge: COOKIE_SECONDS,
      path: '/',
      httpOnly: true,
      secure: this.#isSecure,
      sameSite: 'lax',
    });
    void reply.header('set-cookie', cookie);
    return key;
  }

  hashOf(key: Secret): Uint8Array<ArrayBuffer> {
    return hashOfBrowserKey(this.sealer, key);
  }

  /** Whether this browser began the connect. No browser has begun one that is not bound. */
  isBoundTo(ticket: Pick<ConnectTicket, 'browserHash'>, key: Secret | null): boolean {
    const { browserHash } = ticket;
    return !!browserHash && !!key && isHashOfBrowserKey(this.sealer, browserHash, key);
  }

  #nameOf(ticketId: string): string {
    const digest = this.sealer.fingerprint(new Secret(ticketId), 'cookie-name');
    const name = `connect-${Buffer.from(digest).toString('base64url').slice(0, 12)}`;
    // With the prefix, browsers require https, Path=/ and no Domain; on plain http they refuse the cookie.
    return this.#isSecure ? `__Host-${name}` : name;
  }
}
