import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { ConfigModule } from '../../config/config.module.js';
import type { Settings } from '../../config/settings.js';
import { ActivityCounts } from '../../domain/activity.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { IntegrityReporter, SlotReporter } from '../../domain/ports/reporters.js';
import { ConnectMetrics } from '../../operations/connect-metrics.js';
import { SystemClock } from '../../operations/system-clock.js';
import { SealingModule } from '../../sealing/sealing.module.js';
import { ServiceAccountsModule } from '../../service-accounts/service-accounts.module.js';
import { ServicesModule } from '../../services/services.module.js';
import { TokenStoreModule } from '../../token-store/token-store.module.js';
import { SilentIntegrityReporter, SlotNotes } from './command-reporters.js';

/**
 * The modules that commands need: store, sealing, services. Owns no routes, OpenAPI or metrics; app.module.ts would work
 * as well and take twice as long to start.
 */
@Global()
@Module({})
export class CommandModule {
  static with(settings: Settings, more: readonly Type[] = []): DynamicModule {
    return {
      module: CommandModule,
      imports: [
        ConfigModule.with(settings),
        SealingModule,
        TokenStoreModule,
        ServicesModule,
        ServiceAccountsModule,
        ...more,
      ],
      providers: [
        { provide: Clock, useClass: SystemClock },
        // Counted, and shown nowhere.
        Meter,
        ActivityCounts,
        ConnectMetrics,
        SlotNotes,
        { provide: SlotReporter, useExisting: SlotNotes },
        { provide: IntegrityReporter, useClass: SilentIntegrityReporter },
      ],
      exports: [Clock, Meter, ActivityCounts, ConnectMetrics, SlotReporter, IntegrityReporter],
    };
  }
}
