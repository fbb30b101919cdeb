import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker console sign-out --all
  token-broker console sign-out --person alice@example.com

Sessions end on every replica with the next request. Who is still in
CONSOLE_OPERATORS or CONSOLE_VIEWERS can sign in again.`;

interface Options {
  readonly all?: true;
  readonly person?: string;
}

export function consoleSignOut(): Command {
  return new Command('sign-out')
    .description("End sessions of the operator's console")
    .option('--all', 'of everyone')
    .option('--person <email>', 'of one person')
    .addHelpText('after', EXAMPLES)
    .action(printResult(signOut));
}

async function signOut({ all, person }: Options): Promise<CommandResult> {
  if ((all === undefined) === (person === undefined))
    throw wrongUsage('give either --all or --person', 'token-broker console sign-out');
  const { ConsoleSessionsRepository } =
    await import('../../token-store/console/console-sessions.repository.js');
  const { Clock } = await import('../../domain/ports/clock.js');
  return withBroker(async (broker) => {
    const sessions = broker.get(ConsoleSessionsRepository);
    const ended = await sessions.endAll(person ?? null, broker.get(Clock).now());
    return {
      text:
        ended === 1 ? '1 session of the console has ended.' : `${ended} sessions of the console have ended.`,
      json: { ended },
    };
  });
}
