/** One process that serves: the only one, or a worker. Owns what stops it; bootstrap.ts builds what it serves. */
import { startBroker } from './bootstrap.js';
import type { Settings } from './config/settings.js';
import { gracefulShutdown } from './graceful-shutdown.js';
import { Metrics } from './operations/metrics.js';
import { onStopSignal } from './workers/protocol.js';
import { WorkerLink } from './workers/worker.js';

/**
 * After the first calls, which a collection would delay. V8 gives up the bytecode of what only the start ran once several collections have
 * found it unused.
 */
const COLLECT_AFTER_MS = [1000, 1500, 2000];

/** Starts the broker. The process runs until it is stopped. */
export async function serve(settings: Settings): Promise<void> {
  const worker = WorkerLink.of(process.env);
  const broker = await startBroker(worker?.share(settings) ?? settings);
  const stop = gracefulShutdown(broker);
  if (worker) worker.join(broker.get(Metrics), stop);
  else {
    onStopSignal(() => {
      stop(settings.shutdownDelayMs);
    });
  }
  // With --expose-gc, as in the image: frees what only the start needed.
  for (const ms of COLLECT_AFTER_MS)
    setTimeout(() => {
      void globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    }, ms).unref();
}
