import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { BackgroundWork } from '../domain/ports/background-work.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { HealthController } from './health.controller.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';
import { SlotWarnings } from './slot-warnings.js';
import { MetricsController } from './metrics.controller.js';
import { TimedWork } from './timed-work.js';

/**
 * Owns what an operator watches: health, metrics; the clock everything else asks, and when background work is done.
 * Does not own logging's form (http/logging.ts) nor what is worth measuring in a use case.
 */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: 'json' })],
  controllers: [HealthController, MetricsController],
  providers: [
    Metrics,
    Readiness,
    { provide: SlotAlarm, useClass: SlotWarnings },
    { provide: BackgroundWork, useClass: TimedWork },
  ],
  exports: [Metrics, Readiness, SlotAlarm, BackgroundWork],
})
export class OperationsModule {
  static with(clock: Clock): DynamicModule {
    return {
      module: OperationsModule,
      providers: [{ provide: Clock, useValue: clock }],
      exports: [Clock],
    };
  }
}
