import { type DynamicModule, Global, Injectable, Module, type Type } from '@nestjs/common';
import { ConfigModule } from '../../config/config.module.js';
import type { Settings } from '../../config/settings.js';
import { Meter } from '../../domain/metrics/meter.js';
import { Clock } from '../../domain/ports/clock.js';
import { IntegrityReporter, SlotReporter } from '../../domain/ports/reporters.js';
import { SystemClock } from '../../operations/system-clock.js';
import { SealingModule } from '../../sealing/sealing.module.js';
import { ServiceAccountsModule } from '../../service-accounts/service-accounts.module.js';
import { ServicesModule } from '../../services/services.module.js';
import { TokenStoreModule } from '../../token-store/token-store.module.js';

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
        SlotNotes,
        { provide: SlotReporter, useExisting: SlotNotes },
        { provide: IntegrityReporter, useClass: SilentIntegrityReporter },
      ],
      exports: [Clock, Meter, SlotReporter, IntegrityReporter],
    };
  }
}

/** What the broker would log, kept for the result of the command. */
@Injectable()
export class SlotNotes extends SlotReporter {
  readonly #notes: string[] = [];

  override nearlyFull({ client, used, limit }: Parameters<SlotReporter['nearlyFull']>[0]): void {
    this.#notes.push(
      `Careful: this account holds ${used} of the ${limit} refresh tokens that Google allows it for the client ${client}. ` +
        'At the limit, Google ends the oldest.',
    );
  }

  override accountNearlyFull({ used }: Parameters<SlotReporter['accountNearlyFull']>[0]): void {
    this.#notes.push(
      `Careful: this account holds ${used} refresh tokens across all clients. Google has a limit for these, too, which it ` +
        'does not publish.',
    );
  }

  get notes(): readonly string[] {
    return this.#notes;
  }
}

/** A command has no log and no metrics; what it cannot verify is part of its result. */
@Injectable()
class SilentIntegrityReporter extends IntegrityReporter {
  override report(): void {
    // A command reports it as its result.
  }
}
