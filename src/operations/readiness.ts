/**
 * Whether load balancers should send calls to this replica: not while its database cannot serve, nor once it is about to stop. Does not own
 * what the database is asked (token-store/client/database-health.ts), the answer of /health/ready (health.controller.ts), nor the
 * shutdown (graceful-shutdown.ts).
 */
import { Injectable } from '@nestjs/common';
import { DatabaseHealth } from '../token-store/client/database-health.js';

@Injectable()
export class Readiness {
  #isStopping = false;
  #pending: Promise<string | null> | null = null;

  constructor(private readonly database: DatabaseHealth) {}

  /** Graceful shutdown: not ready any more, while calls that still arrive are served. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Concurrent calls share one database check. @returns why the replica is not ready, as a sentence; null when it is */
  async fault(): Promise<string | null> {
    if (this.#isStopping) return 'The broker is about to stop.';
    this.#pending ??= this.database.fault().finally(() => (this.#pending = null));
    return this.#pending;
  }
}
