import { Command } from 'commander';
import { EXIT, Failure } from './failure.js';
import { withBroker } from './open-broker.js';
import { answers, type Answer } from './print.js';

const EXAMPLES = `
Examples:
  token-broker service revoke reports
  token-broker service revoke h3k9x2mvq7aw

It is turned away at once; users' grants stay. Its name stays taken, its identity does not. Revoking again changes nothing and is no error.`;

export function serviceRevoke(): Command {
  return new Command('revoke')
    .description('Turn a service away, for good')
    .argument('<id-or-name>', 'as `token-broker service list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(answers(revoke));
}

function revoke(idOrName: string): Promise<Answer> {
  return withBroker(async (broker) => {
    const { ServiceStore } = await import('../domain/ports/service-store.js');
    const { Clock } = await import('../domain/ports/clock.js');
    const store = broker.get(ServiceStore);
    const service = (await store.list()).find(({ id, name }) => id === idOrName || name === idOrName);
    if (!service) {
      throw new Failure(
        EXIT.notFound,
        'service_not_found',
        `There is no service ${idOrName}. \`token-broker service list\` shows all of them.`,
      );
    }
    const now = broker.get(Clock).now();
    const revoked = await store.revoke(service.id, now);
    return {
      text: revoked
        ? `The service ${service.name} is revoked. It can no longer call the broker.`
        : `The service ${service.name} was revoked before. Nothing changed.`,
      json: {
        id: service.id,
        name: service.name,
        revoked_at: revoked ? now : service.revokedAt,
        changed: revoked,
      },
    };
  });
}
