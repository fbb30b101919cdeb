import type { INestApplicationContext } from '@nestjs/common';

/**
 * Puts the broker's store together for a command.
 * @param use gets it; it is closed afterwards
 * @throws {ConfigurationError} with all faults at once
 */
export async function withBroker<T>(use: (broker: INestApplicationContext) => Promise<T>): Promise<T> {
  await import('reflect-metadata');
  const { readConfiguration } = await import('../read-configuration.js');
  const settings = readConfiguration(process.env);
  const [{ NestFactory }, { CommandModule }] = await Promise.all([
    import('@nestjs/core'),
    import('./command.module.js'),
  ]);
  // Standard output belongs to the command's answer: no log line may come in between.
  const broker = await NestFactory.createApplicationContext(CommandModule.with(settings), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await use(broker);
  } finally {
    await broker.close();
  }
}
