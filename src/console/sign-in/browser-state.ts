/**
 * What a browser keeps for the console, sealed into cookies: a session, and a sign-in that is under way. Owns how they are
 * sealed and set. Does not own whether a session still counts (console-sessions.ts).
 */
import { Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { Secret } from '../../domain/secret.js';
import { Sealer } from '../../sealing/sealer.js';

type Kind = 'console' | 'console-sign-in';

/** As JSON: plain values only. */
type BrowserStateContent = Readonly<Record<string, string | number | null>>;

@Injectable()
export class BrowserState {
  readonly #isSecure: boolean;

  constructor(
    settings: Settings,
    private readonly sealer: Sealer,
  ) {
    this.#isSecure = settings.console?.url.startsWith('https:') ?? true;
  }

  /** @returns null where there is none, or it is not one that the broker sealed for this purpose */
  async read<T extends BrowserStateContent>(request: FastifyRequest, kind: Kind): Promise<T | null> {
    const value = parseCookie(request.headers.cookie ?? '')[this.#nameOf(kind)];
    if (value === undefined || value === '') return null;
    try {
      const opened = await this.sealer.open(value, aadOf(kind));
      return JSON.parse(opened.reveal()) as T;
    } catch {
      return null;
    }
  }

  async write(reply: FastifyReply, kind: Kind, content: BrowserStateContent, seconds: number): Promise<void> {
    const sealed = await this.sealer.seal(new Secret(JSON.stringify(content)), aadOf(kind));
    this.#set(reply, kind, sealed, seconds);
  }

  clear(reply: FastifyReply, kind: Kind): void {
    this.#set(reply, kind, '', 0);
  }

  #set(reply: FastifyReply, kind: Kind, value: string, maxAge: number): void {
    const name = this.#nameOf(kind);
    // Lax: the issuer sends the browser back from another site. Forms are protected by more (console.guard.ts).
    const attributes = { path: '/', httpOnly: true, secure: this.#isSecure, sameSite: 'lax' } as const;
    void reply.header('set-cookie', stringifySetCookie({ name, value, maxAge, ...attributes }));
  }

  /** With the prefix, browsers require https, Path=/ and no Domain; on plain http they refuse the name. */
  #nameOf(kind: Kind): string {
    return `${this.#isSecure ? '__Host-' : ''}${kind}`;
  }
}

function aadOf(kind: Kind): string {
  return `browser ${kind}`;
}
