import { type BeforeApplicationShutdown, Injectable, type OnApplicationShutdown } from '@nestjs/common';

/** The grace period for requests when the broker stops. */
const GRACE_MS = 5_000;

/** Graceful shutdown: cancels requests to Google that are still under way some seconds after the broker began to stop. */
@Injectable()
export class ShutdownSignal implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #controller = new AbortController();
  #grace: NodeJS.Timeout | null = null;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  beforeApplicationShutdown(): void {
    this.#grace = setTimeout(() => {
      this.#controller.abort();
    }, GRACE_MS);
  }

  onApplicationShutdown(): void {
    if (this.#grace) clearTimeout(this.#grace);
  }
}
