import type { INestApplicationContext, Type } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';

/**
 * Starts the modules of a command, and closes them after `use`.
 * @throws {ConfigurationError} with all faults at once
 */
export async function withBroker<T>(use: (broker: INestApplicationContext) => Promise<T>): Promise<T> {
  return withModules(await readSettings(process.env), [], use);
}

/** @throws {ConfigurationError} with all faults at once */
export async function readSettings(env: NodeJS.ProcessEnv): Promise<Settings> {
  await import('reflect-metadata');
  const { readConfiguration } = await import('../../config/read-configuration.js');
  return readConfiguration(env);
}

/** As withBroker, for a command that needs more modules. */
export async function withModules<T>(
  settings: Settings,
  modules: readonly Type[],
  use: (broker: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const [{ NestFactory }, { CommandModule }] = await Promise.all([
    import('@nestjs/core'),
    import('./command.module.js'),
  ]);
  // Standard output belongs to the command's result: no log line may come in between.
  const broker = await NestFactory.createApplicationContext(CommandModule.with(settings, modules), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await use(broker);
  } finally {
    await broker.close();
  }
}
