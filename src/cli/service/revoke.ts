import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker service revoke reports
  token-broker service revoke h3k9x2mvq7aw

The broker refuses its calls at once, and its delegated credentials end with it;
users' grants stay. Its name stays taken, its identity does not. Revoking again
changes nothing and is not an error.`;

export function serviceRevoke(): Command {
  return new Command('revoke')
    .description('Revoke a service, permanently')
    .argument('<id-or-name>', 'as `token-broker service list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(revoke));
}

function revoke(idOrName: string): Promise<CommandResult> {
  return withBroker(async (broker) => {
    const { ServiceRegistry } = await import('../../services/service-registry.js');
    const service = await broker.get(ServiceRegistry).revoke(idOrName);
    if (!service) {
      throw new Failure(
        EXIT.notFound,
        'service_not_found',
        `There is no service ${idOrName}. \`token-broker service list\` shows all of them.`,
      );
    }
    const { id, name, revokedAt, changed } = service;
    return {
      text: changed
        ? `The service ${name} is revoked. It can no longer call the broker.`
        : `The service ${name} was revoked before. Nothing changed.`,
      json: { id, name, revoked_at: revokedAt, changed },
    };
  });
}
