import { Command } from 'commander';
import { shown } from '../../domain/redirect-uri/parsed-uri.js';
import { readClientSettings } from '../shared/client-settings.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { faultyConfiguration } from '../shared/failure.js';
import { table } from '../shared/table.js';

const EXAMPLES = `
Examples:
  token-broker client list
  token-broker client list --json | jq -r '.clients[].redirect_uris[]'

Reads the files that GOOGLE_CLIENT_SECRETS names, and needs no other setting.
Client secrets are not shown. \`token-broker client check\` tests whether the
clients work.`;

export function clientList(): Command {
  return new Command('list')
    .description('List the Google OAuth clients that the broker serves')
    .addHelpText('after', EXAMPLES)
    .action(printResult(list));
}

async function list(): Promise<TableResult> {
  const { clients, faults } = await readClientSettings(process.env);
  if (faults.length > 0) throw faultyConfiguration(faults);
  return {
    text: (width) =>
      table(
        [
          { heading: 'ALIAS' },
          { heading: 'KIND' },
          { heading: 'PROJECT', cut: true },
          { heading: 'CLIENT ID', cut: true },
          { heading: 'REDIRECT URIS', cut: true },
        ],
        clients.map(({ alias, kind, projectId, clientId, redirectUris }) => [
          alias,
          kind,
          projectId,
          clientId,
          redirectUris.map(shown).join(' ') || '(not in the file)',
        ]),
        width,
      ),
    json: {
      clients: clients.map(({ alias, clientId, kind, projectId, redirectUris }) => ({
        alias,
        client_id: clientId,
        kind,
        project_id: projectId,
        redirect_uris: redirectUris,
      })),
    },
  };
}
