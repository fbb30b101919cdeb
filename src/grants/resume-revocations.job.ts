import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { RevocationAttempt } from '../domain/grant/revocation.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { RevocationsRepository } from '../token-store/grants/revocations.repository.js';
import { RevokeAtGoogle } from './revoke-at-google.js';

/** Attempts at the same time, per process. */
const CONCURRENCY = 5;
const DAY_SECONDS = 24 * 3600;
/** For diagnosis of a grant that was made while its account was being revoked. */
const KEEP_SECONDS = 30 * DAY_SECONDS;

/** Resumes unfinished revocations of any replica. */
@Injectable()
export class ResumeRevocationsJob implements OnModuleInit {
  constructor(
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly revocations: RevocationsRepository,
    private readonly revokeAtGoogle: RevokeAtGoogle,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(1, 'resume revocations', (shutdown) => this.#resume(shutdown));
    this.scheduler.every(DAY_SECONDS, 'prune revocations', (shutdown) =>
      this.revocations.prune(new Date(this.clock.now().getTime() - KEEP_SECONDS * 1000), shutdown),
    );
  }

  async #resume(shutdown: AbortSignal): Promise<void> {
    this.revokeAtGoogle.startUnwritten();
    const first = await this.#take();
    if (!first) return;
    const work = async (taken: RevocationAttempt | null) => {
      for (let next = taken; next; next = shutdown.aborted ? null : await this.#take()) {
        await this.revokeAtGoogle.attempt(next, null);
      }
    };
    await Promise.all([
      work(first),
      ...Array.from({ length: CONCURRENCY - 1 }, async () => work(await this.#take())),
    ]);
  }

  #take(): Promise<RevocationAttempt | null> {
    return this.revocations.takeDue(this.revokeAtGoogle.leaseMs);
  }
}
