import { Injectable, Logger } from '@nestjs/common';
import { bulkhead } from 'cockatiel';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import {
  eventRefused,
  type Remediation,
  securityEventName,
  type SecurityEventToken,
} from '../domain/google/security-event.js';
import { SECURITY_EVENTS } from '../domain/metrics/grant-metrics.js';
import type { Counter } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { isPlainText } from '../domain/text.js';
import { SecurityEventVerifier } from '../google/risc/security-event-verifier.js';
import type { TextBodies } from '../http/server/body-parsers.js';
import { SecurityEventsRepository } from '../token-store/security-events/security-events.repository.js';
import { readEvent } from './read-event.js';
import { RelaySecurityEvent } from './relay-security-event.js';

/** A body is one JWT; Google's are below 2 KiB. The first type is RFC 8935's; senders and tools use the others instead. */
export const EVENT_BODIES: TextBodies = {
  types: ['application/secevent+jwt', 'application/jwt', 'text/plain'],
  maxBytes: 16 * 1024,
};

const RETRY_AFTER_SECONDS = 30;

/**
 * Signatures are verified on libuv's threads, which also read files and resolve names. Junk from anyone must not fill
 * their queue: more events wait here, in order, and none is refused.
 */
const MAX_CONCURRENT_VERIFICATIONS = 8;

interface SecurityEventDelivery {
  /** Whether it says that another cell sent it. */
  readonly isRelayed: boolean;
  /** Whether too much of its address was refused. */
  readonly isOverLimit: () => boolean;
  /** Its refusal does not count for its address. */
  readonly excuse: () => void;
}

@Injectable()
export class ReceiveSecurityEvent {
  readonly #log = new Logger(ReceiveSecurityEvent.name);
  readonly #received: Counter<typeof SECURITY_EVENTS.labels>;
  readonly #turns = bulkhead(MAX_CONCURRENT_VERIFICATIONS, Infinity);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly verifier: SecurityEventVerifier,
    private readonly securityEvents: SecurityEventsRepository,
    private readonly peers: RelaySecurityEvent,
    meter: Meter,
  ) {
    this.#received = meter.counter(SECURITY_EVENTS);
  }

  /**
   * Handles one delivery. When it returns, every change is stored; when it throws, none is, and Google delivers again.
   * Passed on to the other cells afterwards: only what Google signed, and also what was handled before, as a cell may have lacked it.
   * @param requestId of the call, for the audit trail
   * @throws {BrokerError} `invalid_request` with RFC 8935's `err`, `google_unavailable` or `cell_unavailable`
   */
  async receive(body: unknown, requestId: string, delivery: SecurityEventDelivery): Promise<void> {
    const mayRelay = !delivery.isRelayed && this.peers.hasPeers;
    try {
      await this.#handle(body, requestId, delivery);
    } catch (error) {
      // Signed by Google, and for a client of another cell, or of anyone: each project has such tokens.
      if (!(error instanceof BrokerError) || error.extensions['err'] !== 'invalid_audience') throw error;
      // The cell that sent it is not who brought it. The header alone opens nothing: every delivery is verified, and such a one is
      // passed on to no other cell.
      if (delivery.isRelayed && this.peers.hasPeers) delivery.excuse();
      if (!mayRelay || delivery.isOverLimit() || !(await this.peers.relayForeign(String(body)))) throw error;
      return;
    }
    if (mayRelay) await this.peers.relay(String(body));
  }

  async #handle(body: unknown, requestId: string, delivery: SecurityEventDelivery): Promise<void> {
    const token = await this.#verify(body);
    const { jti, occurredAt } = token;
    const events = this.#readEvents(token, delivery);
    const affected = await this.securityEvents.takeOnce(
      {
        jti,
        occurredAt,
        clients: this.#clientsOf(token),
        requestId,
        events: events.map(({ type: _type, name, level: _level, remediation, state: _state, ...rest }) => ({
          remediation,
          details: { event: name, action: actionOf(remediation), ...rest },
        })),
      },
      this.clock.now(),
    );
    const outcome = affected === null ? 'repeated' : 'handled';
    for (const { type } of events)
      this.#received.add({ event: securityEventName(type) ?? 'unknown', outcome });
    if (affected === null) {
      this.#log.log({ jti }, 'security event was handled before');
      return;
    }
    for (const [index, { type: _type, name, level, remediation, ...rest }] of events.entries()) {
      const facts = { event: name, jti, action: actionOf(remediation), grants: affected[index]?.length ?? 0 };
      this.#log[level]({ ...facts, ...rest }, 'security event');
    }
  }

  /**
   * Google does not deliver what was refused again: an event in an unknown form does not take the others of its token with it.
   * @throws {BrokerError} `invalid_request` where none can be read
   */
  #readEvents({ jti, issuer, events }: SecurityEventToken, delivery: SecurityEventDelivery) {
    const faults: BrokerError[] = [];
    const read = Object.entries(events).flatMap(([type, details]) => {
      try {
        return [{ type, ...readEvent(type, details, issuer) }];
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        faults.push(error);
        const event = securityEventName(type) ?? 'unknown';
        this.#received.add({ event, outcome: 'refused' });
        this.#log.warn({ event, jti, err: error.message }, 'security event refused');
        return [];
      }
    });
    const [fault] = faults;
    if (read.length > 0 || !fault) return read;
    // It is signed by Google.
    delivery.excuse();
    throw fault;
  }

  async #verify(body: unknown): Promise<SecurityEventToken> {
    if (typeof body !== 'string' || body === '')
      throw eventRefused('invalid_request', 'The body must be one security event token.');
    const clientIds = this.settings.clients.all().map(({ clientId }) => clientId);
    try {
      const token = await this.#turns.execute(() => this.verifier.verify(body, clientIds));
      if (!isPlainText(token.jti))
        throw eventRefused('invalid_request', 'jti: must hold no control characters and no lone surrogates.');
      return token;
    } catch (error) {
      if (error instanceof BrokerError) {
        this.#received.add({ event: 'none', outcome: 'refused' });
        this.#log.warn({ err: error.extensions['err'] }, 'security event refused');
      }
      if (!(error instanceof GoogleFailure)) throw error;
      throw new BrokerError('google_unavailable', `Google's keys are unavailable (${error.error}).`, {
        retry_after: RETRY_AFTER_SECONDS,
      });
    }
  }

  /** Google keeps one stream per project, and a user's permission is the project's. */
  #clientsOf({ audience }: SecurityEventToken): string[] {
    const { clients } = this.settings;
    const addressed = clients.all().filter(({ clientId }) => audience.includes(clientId));
    return [...new Set(addressed.flatMap(({ projectId }) => clients.ofProject(projectId)))].sort();
  }
}

function actionOf(remediation: Remediation | null): string {
  return remediation?.action ?? 'none';
}
