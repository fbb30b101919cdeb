import { type DynamicModule, Module } from '@nestjs/common';
import { Build } from './build.js';
import { ConsoleStylesheetController } from './console-stylesheet.controller.js';
import { OverviewController } from './overview/overview.controller.js';
import { OverviewJob } from './overview/overview.job.js';
import { BrowserState } from './sign-in/browser-state.js';
import { ConsoleSessions } from './sign-in/console-sessions.js';
import { IdentityProvider } from './sign-in/identity-provider.js';
import { SignInController } from './sign-in/sign-in.controller.js';

/**
 * Owns the operator's console at /console: who may use it and how they sign in (sign-in/), its pages (one folder each), and what
 * these look like (views/). Imported where CONSOLE_OPERATORS or CONSOLE_VIEWERS is set; otherwise nothing of it exists.
 * Does not own what its pages show and do: they use the repositories and services that the API uses.
 */
@Module({
  controllers: [ConsoleStylesheetController, SignInController, OverviewController],
  providers: [BrowserState, ConsoleSessions, IdentityProvider, OverviewJob],
})
export class ConsoleModule {
  static with(version: string): DynamicModule {
    return { module: ConsoleModule, providers: [{ provide: Build, useValue: new Build(version) }] };
  }
}
