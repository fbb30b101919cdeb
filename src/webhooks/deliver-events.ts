import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import {
  OutboxEventsRepository,
  type UndeliveredEvent,
} from '../token-store/outbox/outbox-events.repository.js';
import { nextAttempt } from './retry-schedule.js';
import { SendEvent } from './send-event.js';

const BATCH = 10;
/** On top of what a batch can take at most; only a broker that died leaves its events until then. */
const CLAIM_MARGIN_MS = 20_000;
/** How long a stopping broker waits for the answer it is waiting for. */
const LAST_ANSWER_MS = 2000;

/** Sends what is due, one after the other in order of creation. A failure holds up only the event that failed. */
@Injectable()
export class DeliverEvents {
  readonly #log = new Logger(DeliverEvents.name);

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly events: OutboxEventsRepository,
    private readonly sendEvent: SendEvent,
  ) {}

  async deliver(shutdown: AbortSignal): Promise<void> {
    const giveUp = new AbortController();
    const onStop = () => {
      setTimeout(() => {
        giveUp.abort();
      }, LAST_ANSWER_MS).unref();
    };
    shutdown.addEventListener('abort', onStop, { once: true });
    try {
      await this.#deliverDue(shutdown, giveUp.signal);
    } finally {
      shutdown.removeEventListener('abort', onStop);
    }
  }

  async #deliverDue(shutdown: AbortSignal, giveUp: AbortSignal): Promise<void> {
    const claimMs = BATCH * (this.settings.webhook?.timeoutMs ?? 0) + CLAIM_MARGIN_MS;
    let isMore = true;
    while (isMore && !shutdown.aborted) {
      const now = this.clock.now();
      const batch = await this.events.claim(BATCH, now, new Date(now.getTime() + claimMs));
      await this.#deliverAll(batch, shutdown, giveUp);
      isMore = batch.length === BATCH;
    }
  }

  async #deliverAll(
    batch: readonly UndeliveredEvent[],
    shutdown: AbortSignal,
    giveUp: AbortSignal,
  ): Promise<void> {
    for (const [index, event] of batch.entries()) {
      if (shutdown.aborted) {
        const untried = batch.slice(index).map(({ id }) => id);
        await this.events.release(untried, this.clock.now());
        return;
      }
      await this.#deliverOne(event, giveUp);
    }
  }

  async #deliverOne(event: UndeliveredEvent, giveUp: AbortSignal): Promise<void> {
    const { id, type, failures } = event;
    const receipt = await this.sendEvent.send(event, giveUp);
    const now = this.clock.now();
    if (receipt.kind === 'taken') {
      await this.events.delivered(id, now);
      return;
    }
    if (giveUp.aborted) {
      await this.events.release([id], now);
      return;
    }
    const { error } = receipt;
    const next = receipt.kind === 'gone' ? null : nextAttempt(failures + 1, now, Math.random());
    await this.events.failed(id, error, now, next);
    if (next) this.#log.warn({ id, type, error, next }, 'a webhook was not delivered; it is tried again');
    else this.#log.warn({ id, type, error }, 'a webhook was given up; the app does not know of this event');
  }
}
