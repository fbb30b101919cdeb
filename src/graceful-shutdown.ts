import type { INestApplicationContext } from '@nestjs/common';
import { Readiness } from './operations/health.controller.js';

/** A database that does not answer must not delay the exit: orchestrators commonly send SIGKILL after 10 seconds. */
const MAX_SHUTDOWN_MS = 9_500;

/** Graceful shutdown: not ready for the delay, then no new requests; those in flight are answered; exit code 0. */
export function shutDownOnSignal(broker: INestApplicationContext, delayMs: number): void {
  let shutDownNow: (() => void) | null = null;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A second signal skips the delay.
      if (shutDownNow) shutDownNow();
      else shutDownNow = shutDownAfter(broker, delayMs);
    });
  }
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
    void broker.close().then(
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
