import { Injectable } from '@nestjs/common';
import { DatabaseHealth } from '../domain/ports/database-health.js';

/** Whether calls should come here: what /health/ready answers. */
@Injectable()
export class Readiness {
  #isStopping = false;

  constructor(private readonly database: DatabaseHealth) {}

  /** From now on no: whoever asks sends new calls elsewhere, while those that still come are served. */
  stop(): void {
    this.#isStopping = true;
  }

  /** @returns why not, as a sentence; null when they should */
  async fault(): Promise<string | null> {
    return this.#isStopping ? 'The broker is about to stop.' : this.database.fault();
  }
}
