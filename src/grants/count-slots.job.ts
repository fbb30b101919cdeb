import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Clock } from '../domain/ports/clock.js';
import { Scheduler } from '../operations/scheduler.js';
import { UncountedSlotsRepository } from '../token-store/grants/uncounted-slots.repository.js';

const MINUTE_SECONDS = 60;

/** Counts slots that could not be counted when their tokens were booked, of any replica. */
@Injectable()
export class CountSlotsJob implements OnModuleInit {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly scheduler: Scheduler,
    private readonly uncounted: UncountedSlotsRepository,
  ) {}

  onModuleInit(): void {
    this.scheduler.every(MINUTE_SECONDS, 'count slots', (shutdown) =>
      this.uncounted.countAll(
        this.settings.clients.all().map(({ alias }) => alias),
        this.clock.now(),
        shutdown,
      ),
    );
  }
}
