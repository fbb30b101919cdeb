import type { INestApplicationContext, Type } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';

/**
 * Puts the broker's store together for a command.
 * @param use gets it; it is closed afterwards
 * @throws {ConfigurationError} with all faults at once
 */
export async function withBroker<T>(use: (broker: INestApplicationContext) => Promise<T>): Promise<T> {
  return withRooms(await readSettings(process.env), [], use);
}

/** @throws {ConfigurationError} with all faults at once */
export async function readSettings(env: NodeJS.ProcessEnv): Promise<Settings> {
  await import('reflect-metadata');
  const { readConfiguration } = await import('../../config/read-configuration.js');
  return readConfiguration(env);
}

/** As withBroker, for a command that needs more than the store. @param rooms what it needs */
export async function withRooms<T>(
  settings: Settings,
  rooms: readonly Type[],
  use: (broker: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const [{ NestFactory }, { CommandModule }] = await Promise.all([
    import('@nestjs/core'),
    import('./command.module.js'),
  ]);
  // Standard output belongs to the command's answer: no log line may come in between.
  const broker = await NestFactory.createApplicationContext(CommandModule.with(settings, rooms), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await use(broker);
  } finally {
    await broker.close();
  }
}
