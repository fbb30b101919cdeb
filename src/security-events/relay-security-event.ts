/**
 * Passes a security event on to the other cells: Google delivers each to one address, and an account may have grants in every cell.
 * Does not own what an event causes, nor whether it is Google's: each cell verifies it for itself.
 */
import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { BrokerError } from '../domain/errors.js';
import { send } from '../outbound/http-client.js';

/** Marks a delivery that came from another cell, which passes it on to none. */
export const RELAYED_HEADER = 'x-token-broker-relayed';

const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 16 * 1024;
const RETRY_AFTER_SECONDS = 30;

type PeerAnswer = 'accepted' | 'not_addressed' | 'failed';

@Injectable()
export class RelaySecurityEvent {
  readonly #log = new Logger(RelaySecurityEvent.name);

  constructor(private readonly settings: Settings) {}

  get hasPeers(): boolean {
    return this.settings.cellPeers.length > 0;
  }

  /**
   * @returns whether a cell accepted it; the others are those whose Google clients it does not concern
   * @throws {BrokerError} `cell_unavailable`: Google delivers again, to all of them, and each handles an event once
   */
  async relay(token: string): Promise<boolean> {
    const peers = this.settings.cellPeers;
    const answers = await Promise.all(peers.map((peer) => this.#deliver(peer, token)));
    const failed = peers.filter((_, index) => answers[index] === 'failed');
    if (failed.length > 0) {
      this.#log.warn(
        { peers: failed },
        'a security event did not reach every cell; Google delivers it again',
      );
      const extensions = { retry_after: RETRY_AFTER_SECONDS };
      throw new BrokerError(
        'cell_unavailable',
        'Another cell did not accept the event. Deliver it again.',
        extensions,
      );
    }
    return answers.includes('accepted');
  }

  async #deliver(peer: string, token: string): Promise<PeerAnswer> {
    try {
      const { status, body } = await send(`${peer}/security-events/google`, {
        method: 'POST',
        headers: {
          'content-type': 'application/secevent+jwt',
          accept: 'application/json',
          [RELAYED_HEADER]: '1',
        },
        body: token,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_ANSWER_BYTES,
        tracedPath: true,
        passesTrace: true,
      });
      if (status === 202) return 'accepted';
      return status === 400 && isOtherAudience(body) ? 'not_addressed' : 'failed';
    } catch {
      return 'failed';
    }
  }
}

/** Of RFC 8935: the cell has other Google clients. */
function isOtherAudience(body: string): boolean {
  try {
    return (JSON.parse(body) as { err?: unknown } | null)?.err === 'invalid_audience';
  } catch {
    return false;
  }
}
