import { Injectable } from '@nestjs/common';
import { DatabaseHealth } from '../token-store/client/database-health.js';

/** Whether calls should come here: what /health/ready answers. */
@Injectable()
export class Readiness {
  #isStopping = false;
  #underWay: Promise<string | null> | null = null;

  constructor(private readonly database: DatabaseHealth) {}

  /** From now on no: load balancers send new calls elsewhere, while those that still come are served. */
  stop(): void {
    this.#isStopping = true;
  }

  /** However many ask at once, the database is asked once. @returns why not, as a sentence; null when they should */
  async fault(): Promise<string | null> {
    if (this.#isStopping) return 'The broker is about to stop.';
    this.#underWay ??= this.database.fault().finally(() => (this.#underWay = null));
    return this.#underWay;
  }
}
