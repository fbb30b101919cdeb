import { type DynamicModule, Module } from '@nestjs/common';
import { GrantsModule } from '../grants/grants.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { ConsoleAuditController } from './audit/audit.controller.js';
import { ConsoleStylesheetController } from './console-stylesheet.controller.js';
import { OverviewController } from './overview/overview.controller.js';
import { Build, ReadOverview } from './overview/read-overview.js';
import { OverviewJob } from './overview/overview.job.js';
import { ConsoleCredentialsController } from './services/credentials.controller.js';
import { ConsoleServicesController } from './services/services.controller.js';
import { BrowserState } from './sign-in/browser-state.js';
import { ConsoleSessions } from './sign-in/console-sessions.js';
import { IdentityProvider } from './sign-in/identity-provider.js';
import { SignInController } from './sign-in/sign-in.controller.js';
import { ConsoleLinkController } from './tickets/link.controller.js';
import { ConsoleTicketsController } from './tickets/tickets.controller.js';
import { ConsoleGrantListController } from './users/grant-list.controller.js';
import { ConsoleGrantsController } from './users/grants.controller.js';
import { ConsoleOffboardController } from './users/offboard.controller.js';
import { ConsoleUsersController } from './users/users.controller.js';
import { ConsoleWebhooksController } from './webhooks/webhooks.controller.js';

/**
 * Owns the operator's console at /console: who may use it and how they sign in (sign-in/), its pages (one folder each), and what
 * these look like (views/). Imported where CONSOLE_OPERATORS or CONSOLE_VIEWERS is set; otherwise nothing of it exists.
 * Does not own what its pages show and do: they use the repositories and services that the API uses.
 */
@Module({
  imports: [GrantsModule, WebhooksModule],
  controllers: [
    ConsoleStylesheetController,
    SignInController,
    OverviewController,
    ConsoleUsersController,
    ConsoleOffboardController,
    ConsoleLinkController,
    ConsoleGrantListController,
    ConsoleGrantsController,
    ConsoleServicesController,
    ConsoleCredentialsController,
    ConsoleTicketsController,
    ConsoleWebhooksController,
    ConsoleAuditController,
  ],
  providers: [BrowserState, ConsoleSessions, IdentityProvider, OverviewJob, ReadOverview],
})
export class ConsoleModule {
  static with(version: string): DynamicModule {
    return { module: ConsoleModule, providers: [{ provide: Build, useValue: new Build(version) }] };
  }
}
