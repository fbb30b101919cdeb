import { Global, Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule as NestConfigModule, ConfigService } from '@nestjs/config';
import { Settings } from './settings.js';

/**
 * Owns the configuration: read once at start, validated as a whole, frozen. Other modules inject `Settings`.
 * definitions/ has each setting; environment.ts reads them, read-configuration.ts the files that they name.
 * Does not own the key ring's content (sealing/) nor the form of a database URL (token-store/).
 */
@Global()
@Module({})
export class ConfigModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: ConfigModule,
      imports: [
        NestConfigModule.forRoot({ ignoreEnvFile: true, skipProcessEnv: true, load: [() => ({ settings })] }),
      ],
      providers: [
        {
          provide: Settings,
          inject: [ConfigService],
          useFactory: (config: ConfigService) => config.getOrThrow<Settings>('settings'),
        },
      ],
      exports: [Settings],
    };
  }
}
