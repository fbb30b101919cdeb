import type { INestApplicationContext, Type } from '@nestjs/common';
import type { Settings } from '../../config/settings.js';
import { EXIT, Failure } from './failure.js';

/**
 * Starts the modules of a command, and closes them after `use`.
 * @throws {ConfigurationError} with all faults at once
 */
export async function withBroker<T>(use: (broker: INestApplicationContext) => Promise<T>): Promise<T> {
  return withModules(await readSettings(process.env), [], use);
}

/** @throws {ConfigurationError} with all faults at once */
export async function readSettings(env: NodeJS.ProcessEnv): Promise<Settings> {
  const { readConfiguration } = await import('../../config/read-configuration.js');
  return readConfiguration(env);
}

/**
 * Any alias can be stored; services would find out at their first call.
 * @throws {Failure} where the broker does not serve one
 */
export function assertClientsServed(aliases: readonly string[], { clients }: Settings): void {
  const served = clients.all().map(({ alias }) => alias);
  const unknown = aliases.filter((alias) => !served.includes(alias));
  if (unknown.length === 0) return;
  throw new Failure(
    EXIT.notFound,
    'client_not_found',
    `The broker serves no client called ${unknown.join(', ')}. It serves ${served.join(', ')}. Nothing was stored.`,
  );
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
