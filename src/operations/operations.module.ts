import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { Clock } from '../domain/ports/clock.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { ClockSkewJob } from './clock-skew.job.js';
import { ConnectMetrics } from './connect-metrics.js';
import { HealthController } from './health.controller.js';
import { IntegrityWarnings } from './integrity-warnings.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';
import { Scheduler } from './scheduler.js';
import { SealMetrics } from './seal-metrics.js';
import { SlotWarnings } from './slot-warnings.js';

/**
 * Owns what an operator watches: health, metrics; the clock everything else asks, and when background work is done.
 * Does not own logging's form (http/logging/logger.ts) nor what is worth measuring in a use case.
 */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: 'json' })],
  controllers: [HealthController, MetricsController],
  providers: [
    Metrics,
    Readiness,
    ClockSkewJob,
    SealMetrics,
    { provide: SlotAlarm, useClass: SlotWarnings },
    ConnectMetrics,
    { provide: IntegrityAlarm, useClass: IntegrityWarnings },
    Scheduler,
  ],
  exports: [Metrics, Readiness, SlotAlarm, ConnectMetrics, IntegrityAlarm, Scheduler],
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
