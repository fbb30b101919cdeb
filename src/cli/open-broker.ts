import type { INestApplicationContext } from '@nestjs/common';

/**
 * Puts the broker together as the service does, but without listening, for a command that needs its store.
 * @param use gets the broker; it is closed afterwards
 * @throws {ConfigurationError} with all faults at once
 */
export async function withBroker<T>(use: (broker: INestApplicationContext) => Promise<T>): Promise<T> {
  await import('reflect-metadata');
  const { readConfiguration } = await import('../read-configuration.js');
  // Standard output belongs to the command's answer: no log line may come in between.
  const settings = readConfiguration({ ...process.env, LOG_LEVEL: 'silent' });
  const [{ NestFactory }, { AppModule }] = await Promise.all([
    import('@nestjs/core'),
    import('../app.module.js'),
  ]);
  const broker = await NestFactory.createApplicationContext(AppModule.with(settings), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await use(broker);
  } finally {
    await broker.close();
  }
}
