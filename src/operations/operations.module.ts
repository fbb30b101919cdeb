import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ActivityCounts } from '../domain/activity.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { IntegrityReporter, SlotReporter } from '../domain/ports/reporters.js';
import { ClockSkewJob } from './clock-skew.job.js';
import { ConnectMetrics } from './connect-metrics.js';
import { SlotWarnings } from './slot-warnings.js';
import { CountGrantsJob } from './count-grants.job.js';
import { HealthController } from './health.controller.js';
import { IntegrityWarnings } from './integrity-warnings.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';
import { Readiness } from './readiness.js';
import { Scheduler } from './scheduler.js';
import { SealMetrics } from './sealing-metrics.js';
import { StoreMetrics } from './store-metrics.js';
import { ServiceUsageJob } from './service-usage.job.js';

/**
 * Owns what an operator monitors (health, metrics, and the warnings that go with them), the scheduler of background
 * jobs, and the clock.
 * Does not own the log's format (http/logging/), the jobs (each is in its feature), nor when a feature reports an event.
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
    CountGrantsJob,
    StoreMetrics,
    ServiceUsageJob,
    ActivityCounts,
    ConnectMetrics,
    Scheduler,
    { provide: SlotReporter, useClass: SlotWarnings },
    { provide: IntegrityReporter, useClass: IntegrityWarnings },
  ],
  exports: [
    Metrics,
    Readiness,
    ActivityCounts,
    SlotReporter,
    ConnectMetrics,
    CountGrantsJob,
    IntegrityReporter,
    Scheduler,
  ],
})
export class OperationsModule {
  static with(clock: Clock, meter: Meter): DynamicModule {
    return {
      module: OperationsModule,
      providers: [
        { provide: Clock, useValue: clock },
        { provide: Meter, useValue: meter },
      ],
      exports: [Clock, Meter],
    };
  }
}
