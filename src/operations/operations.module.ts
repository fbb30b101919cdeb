import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { BackgroundWork } from '../domain/ports/background-work.js';
import { Clock } from '../domain/ports/clock.js';
import { ConnectMonitor } from '../domain/ports/connect-monitor.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import { SlotAlarm } from '../domain/ports/slot-alarm.js';
import { ConnectMetrics } from './connect-metrics.js';
import { HealthController } from './health.controller.js';
import { IntegrityWarnings } from './integrity-warnings.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';
import { SealMetrics } from './seal-metrics.js';
import { SlotWarnings } from './slot-warnings.js';
import { MetricsController } from './metrics.controller.js';
import { TimedWork } from './timed-work.js';
import { WatchClock } from './watch-clock.js';

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
    WatchClock,
    SealMetrics,
    { provide: SlotAlarm, useClass: SlotWarnings },
    { provide: ConnectMonitor, useClass: ConnectMetrics },
    { provide: IntegrityAlarm, useClass: IntegrityWarnings },
    { provide: BackgroundWork, useClass: TimedWork },
  ],
  exports: [Metrics, Readiness, SlotAlarm, ConnectMonitor, IntegrityAlarm, BackgroundWork],
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
