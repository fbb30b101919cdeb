import type { INestApplicationContext } from '@nestjs/common';
import { Readiness } from './operations/readiness.js';
import { tracing } from './tracing/tracing.js';
import { MAX_SHUTDOWN_MS } from './workers/protocol.js';

/**
 * Graceful shutdown: not ready for the delay, then no new requests; those in flight are answered; exit code 0.
 * @returns begins it; called again, it skips the delay
 */
export function gracefulShutdown(broker: INestApplicationContext): (delayMs: number) => void {
  let shutDownNow: (() => void) | null = null;
  return (delayMs) => {
    if (shutDownNow) shutDownNow();
    else shutDownNow = shutDownAfter(broker, delayMs);
  };
}

/** @returns shuts down without the delay */
function shutDownAfter(broker: INestApplicationContext, delayMs: number): () => void {
  broker.get(Readiness).stop();
  let isClosing = false;
  const shutDown = () => {
    if (isClosing) return;
    isClosing = true;
    setTimeout(() => {
      process.stderr.write('The shutdown took too long; the requests in flight are dropped.\n');
      process.exit(1);
    }, MAX_SHUTDOWN_MS).unref();
    const closed = broker.close().then(() => tracing()?.stop());
    void closed.then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`The shutdown failed: ${error instanceof Error ? error.message : ''}\n`);
        process.exit(1);
      },
    );
  };
  if (delayMs === 0) shutDown();
  else setTimeout(shutDown, delayMs);
  return shutDown;
}
