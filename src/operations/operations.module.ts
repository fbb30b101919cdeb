import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { Clock } from '../domain/ports/clock.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { HealthController } from './health.controller.js';
import { Metrics } from './metrics.js';
import { SlotWarnings } from './slot-warnings.js';
import { MetricsController } from './metrics.controller.js';

/**
 * Owns what an operator watches: health, metrics, and the clock everything else asks.
 * Does not own logging's form (http/logging.ts) nor what is worth measuring in a use case.
 */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: 'json' })],
  controllers: [HealthController, MetricsController],
  providers: [Metrics, { provide: SlotAlarm, useClass: SlotWarnings }],
  exports: [Metrics, SlotAlarm],
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
