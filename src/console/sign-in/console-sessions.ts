/**
 * Sessions of the console: begun by a sign-in, 8 hours long, ended by a sign-out on every replica. Who a person is comes from
 * the sealed cookie, what they may do from the settings as they are now, and whether it still counts from the database. When it
 * expires says the cookie, too: the row has no seal.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { type ConsoleIdentity, type ConsoleRole, consoleRoleOf } from '../../domain/access/console-role.js';
import { Clock } from '../../domain/ports/clock.js';
import { Secret } from '../../domain/secret.js';
import { Sealer } from '../../sealing/sealer.js';
import { ConsoleSessionsRepository } from '../../token-store/console/console-sessions.repository.js';
import type { Viewer } from '../views/layout.js';
import { BrowserState } from './browser-state.js';

const SESSION_SECONDS = 8 * 3600;

/** Who is signed in. */
export interface ConsolePerson extends Viewer {
  readonly sessionId: string;
}

type SessionContent = {
  readonly id: string;
  readonly email: string;
  readonly hostedDomain: string | null;
  /** In milliseconds since 1970. Absent: of a version that did not seal it. */
  readonly expiresAt?: number;
};

@Injectable()
export class ConsoleSessions {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly sealer: Sealer,
    private readonly browser: BrowserState,
    private readonly sessions: ConsoleSessionsRepository,
  ) {}

  /** @returns null: the person may not use the console */
  roleOf(identity: ConsoleIdentity): ConsoleRole | null {
    return this.settings.console && consoleRoleOf(identity, this.settings.console);
  }

  async start(reply: FastifyReply, { email, hostedDomain }: ConsoleIdentity): Promise<void> {
    const startedAt = this.clock.now();
    const id = randomUUID();
    const expiresAt = new Date(startedAt.getTime() + SESSION_SECONDS * 1000);
    await this.sessions.start({ id, email, startedAt, expiresAt });
    const content = { id, email, hostedDomain, expiresAt: expiresAt.getTime() };
    await this.browser.write(reply, 'console', content, SESSION_SECONDS);
  }

  /** @returns null: no one is signed in */
  async find(request: FastifyRequest): Promise<ConsolePerson | null> {
    const content = await this.browser.read<SessionContent>(request, 'console');
    if (content === null) return null;
    const { id, email, hostedDomain, expiresAt = 0 } = content;
    const now = this.clock.now();
    const role = this.roleOf({ email, hostedDomain });
    if (role === null || expiresAt <= now.getTime() || !(await this.sessions.isActive(id, now))) return null;
    return { email, role, sessionId: id, formToken: this.#formTokenOf(id) };
  }

  async end(reply: FastifyReply, { sessionId }: ConsolePerson): Promise<void> {
    await this.sessions.end(sessionId, this.clock.now());
    this.browser.clear(reply, 'console');
  }

  #formTokenOf(sessionId: string): string {
    const digest = this.sealer.fingerprint(new Secret(sessionId), 'console-form');
    return Buffer.from(digest).toString('base64url');
  }
}

/** Their name in the audit trail. */
export function actorOf({ email }: Pick<Viewer, 'email'>): string {
  return `console:${email}`;
}

/** In constant time. */
export function isFormTokenOf({ formToken }: ConsolePerson, given: unknown): boolean {
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(formToken));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
