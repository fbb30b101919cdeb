import { type DynamicModule, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import type { Logger as Log } from 'pino';
import { AdsModule } from './ads/ads.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthorizationModule } from './authorization/authorization.module.js';
import { CallbackModule } from './callback/callback.module.js';
import { ConfigModule } from './config/config.module.js';
import { ConnectTicketsModule } from './connect-tickets/connect-tickets.module.js';
import { TicketRoutesModule } from './connect-tickets/ticket-routes.module.js';
import type { Settings } from './config/settings.js';
import { Meter } from './domain/metrics/meter.js';
import type { Clock } from './domain/ports/clock.js';
import { GoogleModule } from './google/google.module.js';
import { GrantsModule } from './grants/grants.module.js';
import { HttpModule } from './http/http.module.js';
import { logging, openLog } from './http/logging/logger.js';
import { MyGrantsModule } from './my-grants/my-grants.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { SystemClock } from './operations/system-clock.js';
import { SealingModule } from './sealing/sealing.module.js';
import { SecurityEventsModule } from './security-events/security-events.module.js';
import { DelegatedCredentialsModule } from './services/delegated-credentials.module.js';
import { ServicesModule } from './services/services.module.js';
import { TokenStoreModule } from './token-store/token-store.module.js';
import { TokensModule } from './tokens/tokens.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

/** A test brings its own. */
export interface BrokerOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** What server and pipeline count with, too. */
  readonly meter?: Meter;
  /** As in package.json. */
  readonly version?: string;
}

/**
 * Imports every module, and owns nothing else. Modules of adapters (google/, token-store/, sealing/) are global: a feature
 * injects their classes without importing the module. Hooks and routes outside Nest are in bootstrap.ts.
 */
@Module({})
export class AppModule {
  static with(
    settings: Settings,
    { clock, log, meter = new Meter(), version = 'unknown' }: BrokerOptions = {},
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(settings),
        LoggerModule.forRoot(logging(log ?? openLog(settings, version))),
        OperationsModule.with(clock ?? new SystemClock(), meter),
        SealingModule,
        TokenStoreModule,
        GoogleModule,
        HttpModule,
        ServicesModule,
        ConnectTicketsModule,
        DelegatedCredentialsModule,
        AuthorizationModule,
        TicketRoutesModule,
        CallbackModule,
        TokensModule,
        AdsModule,
        GrantsModule,
        MyGrantsModule,
        SecurityEventsModule,
        AuditModule,
        WebhooksModule,
        // Loaded only where it is on: it is a tenth of the code.
        ...(settings.console ? [consoleModule(version)] : []),
      ],
    };
  }
}

async function consoleModule(version: string): Promise<DynamicModule> {
  const { ConsoleModule } = await import('./console/console.module.js');
  return ConsoleModule.with(version);
}
