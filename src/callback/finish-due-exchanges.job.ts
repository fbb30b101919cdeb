import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { PendingExchangesRepository } from '../token-store/connects/pending-exchanges.repository.js';
import { claimUntil, FinishWithoutBrowser } from './finish-without-browser.js';

const EVERY_SECONDS = 5;
const BATCH = 20;

/** Finishes the connects that are due, in batches. Does not own how one is finished (finish-without-browser.ts). */
@Injectable()
export class FinishDueExchangesJob implements OnModuleInit {
  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly exchanges: PendingExchangesRepository,
    private readonly finishWithoutBrowser: FinishWithoutBrowser,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(EVERY_SECONDS, 'finish connects', (shutdown) => this.#finishDue(shutdown));
  }

  async #finishDue(shutdown: AbortSignal): Promise<void> {
    const isStopping = () => shutdown.aborted;
    let isMore = true;
    while (isMore && !isStopping()) {
      const now = this.clock.now();
      const batch = await this.exchanges.claim(BATCH, now, claimUntil(now));
      for (const exchange of batch) {
        if (!isStopping()) await this.finishWithoutBrowser.finish(exchange);
      }
      isMore = batch.length === BATCH;
    }
  }
}
