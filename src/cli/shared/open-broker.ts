import type { INestApplicationContext, LoggerService, Type } from '@nestjs/common';
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

const NOTHING = () => undefined;

/**
 * The log of a command: standard output belongs to its result, which also says what failed. Only an audit event that could not be
 * written is not part of it, and would be lost (docs/audit.md).
 */
const UNWRITTEN_EVENTS: LoggerService = {
  /** @param fields come first, as in all log lines of the broker */
  error: (fields: { readonly event?: unknown }, message: string) => {
    if (fields.event !== undefined) process.stderr.write(`${message}: ${JSON.stringify(fields.event)}\n`);
  },
  log: NOTHING,
  warn: NOTHING,
};

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
  const broker = await NestFactory.createApplicationContext(CommandModule.with(settings, modules), {
    logger: UNWRITTEN_EVENTS,
    abortOnError: false,
  });
  try {
    return await use(broker);
  } finally {
    await broker.close();
  }
}
