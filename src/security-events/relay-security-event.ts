/**
 * Passes a security event on to the other cells: Google delivers each to one address, and an account may have grants in every cell.
 * Does not own what an event causes, nor whether it is Google's: each cell verifies it for itself.
 */
import { createHash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { Settings } from '../config/settings.js';
import { cacheBound } from '../domain/cache-memory.js';
import { BrokerError } from '../domain/errors.js';
import { send } from '../outbound/http-client.js';

/** Marks a delivery that came from another cell, which passes it on to none. */
export const RELAYED_HEADER = 'x-token-broker-relayed';

const TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 16 * 1024;
const RETRY_AFTER_SECONDS = 30;

/** Of events that concern a client here: Google's own, so none is refused. */
const MAX_CONCURRENT = 8;
/** Of the others, which anyone with a project at Google can send: apart, so that they hold up none of the former. */
const MAX_CONCURRENT_FOREIGN = 4;
const MAX_WAITING_FOREIGN = 32;
/** Tokens that concern no cell, so that one is passed on once, however often it is sent. */
const MAX_REFUSED = 10_000;
/** A cell can get another Google client. */
const REFUSED_MS = 10 * 60_000;

type PeerResult = 'accepted' | 'not_addressed' | 'failed';

@Injectable()
export class RelaySecurityEvent {
  readonly #log = new Logger(RelaySecurityEvent.name);

  readonly #turns = bulkhead(MAX_CONCURRENT, Infinity);
  readonly #foreignTurns = bulkhead(MAX_CONCURRENT_FOREIGN, MAX_WAITING_FOREIGN);
  readonly #refused = new LRUCache<string, true>({ ...cacheBound(MAX_REFUSED), ttl: REFUSED_MS });

  constructor(private readonly settings: Settings) {}

  get hasPeers(): boolean {
    return this.settings.cellPeers.length > 0;
  }

  /**
   * @returns whether a cell accepted it; the others are those whose Google clients it does not concern
   * @throws {BrokerError} `cell_unavailable`: Google delivers again, to all of them, and each handles an event once
   */
  relay(token: string): Promise<boolean> {
    return this.#turns.execute(() => this.#deliverToAll(token));
  }

  /** The same for a token for no Google client of this cell. Its signature must be verified. */
  async relayForeign(token: string): Promise<boolean> {
    // Without the signature, which can be written in several ways.
    const digest = createHash('sha256')
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('base64');
    if (this.#refused.has(digest)) return false;
    try {
      const isAccepted = await this.#foreignTurns.execute(() => this.#deliverToAll(token));
      if (!isAccepted) this.#refused.set(digest, true);
      return isAccepted;
    } catch (error) {
      if (error instanceof BulkheadRejectedError) throw unavailable('Too many events wait for other cells.');
      throw error;
    }
  }

  async #deliverToAll(token: string): Promise<boolean> {
    const peers = this.settings.cellPeers;
    const answers = await Promise.all(peers.map((peer) => this.#deliver(peer, token)));
    const failed = peers.filter((_, index) => answers[index] === 'failed');
    if (failed.length > 0) {
      this.#log.warn(
        { peers: failed },
        'a security event did not reach every cell; Google delivers it again',
      );
      throw unavailable('Another cell did not accept the event.');
    }
    return answers.includes('accepted');
  }

  async #deliver(peer: string, token: string): Promise<PeerResult> {
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

function unavailable(what: string): BrokerError {
  return new BrokerError('cell_unavailable', `${what} Deliver it again.`, {
    retry_after: RETRY_AFTER_SECONDS,
  });
}

/** Of RFC 8935: the cell has other Google clients. */
function isOtherAudience(body: string): boolean {
  try {
    return (JSON.parse(body) as { err?: unknown } | null)?.err === 'invalid_audience';
  } catch {
    return false;
  }
}
