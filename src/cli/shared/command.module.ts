import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { ConfigModule } from '../../config/config.module.js';
import type { Settings } from '../../config/settings.js';
import { Clock } from '../../domain/ports/clock.js';
import { IntegrityAlarm } from '../../domain/ports/integrity-alarm.js';
import { SlotAlarm } from '../../domain/ports/slot-alarm.js';
import { SystemClock } from '../../operations/system-clock.js';
import { SealingModule } from '../../sealing/sealing.module.js';
import { ServiceAccountsModule } from '../../service-accounts/service-accounts.module.js';
import { ServicesModule } from '../../services/services.module.js';
import { TokenStoreModule } from '../../token-store/token-store.module.js';
import { IntegrityNotes } from './integrity-notes.js';
import { SlotNotes } from './slot-notes.js';

/**
 * The rooms that commands need. The whole of app.module.ts would also work and take twice as long to start: routes,
 * OpenAPI, metrics and Google's libraries are of no use here.
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
        SlotNotes,
        { provide: SlotAlarm, useExisting: SlotNotes },
        { provide: IntegrityAlarm, useClass: IntegrityNotes },
      ],
      exports: [Clock, SlotAlarm, IntegrityAlarm],
    };
  }
}
