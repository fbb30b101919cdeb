import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import {
  GOOGLE_QUEUE_DEPTH,
  GOOGLE_QUEUE_IN_USE,
  GOOGLE_QUEUE_TURNS,
  GOOGLE_QUEUE_WAIT,
} from '../../domain/metrics/google-metrics.js';
import { Meter } from '../../domain/metrics/meter.js';
import { FairQueue } from '../../outbound/fair-queue.js';

/** The turns at Google's token endpoint of one process (GOOGLE_CONCURRENCY), for refreshes and imports alike. */
@Injectable()
export class GoogleTurns extends FairQueue {
  constructor({ googleConcurrency, clients }: Settings, meter: Meter) {
    super(googleConcurrency, meter.histogram(GOOGLE_QUEUE_WAIT));
    const zeros = clients.all().map(({ alias }) => [alias, 0] as const);
    const byClient = (counts: ReadonlyMap<string, number>) =>
      [...new Map([...zeros, ...counts])].map(([client, count]) => [{ client }, count] as const);
    meter.gauge(GOOGLE_QUEUE_DEPTH).observeAll(() => byClient(this.waitingByClient()));
    meter.gauge(GOOGLE_QUEUE_IN_USE).observeAll(() => byClient(this.heldByClient()));
    meter.gauge(GOOGLE_QUEUE_TURNS).observe({}, () => googleConcurrency);
  }
}
