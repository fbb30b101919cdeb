import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker credential revoke h3k9x2mvq7aw

Every replica refuses its handle at once; tokens that were handed out live on
until they expire, an hour at most. Revoking again changes nothing and is no
error.`;

export function credentialRevoke(): Command {
  return new Command('revoke')
    .description('Revoke a delegated credential, permanently')
    .argument('<id>', 'as `token-broker credential list` shows it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(revoke));
}

function revoke(id: string): Promise<CommandResult> {
  return withBroker(async (broker) => {
    const { DelegatedCredentials } = await import('../../services/delegated-credentials.js');
    const revoked = await broker.get(DelegatedCredentials).revokeByOperator(id);
    if (!revoked) {
      throw new Failure(
        EXIT.notFound,
        'credential_not_found',
        `There is no credential ${id}. \`token-broker credential list\` shows all of them.`,
      );
    }
    const { credential, changed } = revoked;
    return {
      text: changed
        ? `The credential ${id} is revoked. Its holder gets no more tokens.`
        : `The credential ${id} was revoked before. Nothing changed.`,
      json: { id, revoked_at: credential.revokedAt, changed },
    };
  });
}
