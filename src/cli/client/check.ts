import { Command } from 'commander';
import { EXIT, type ExitCode } from '../shared/failure.js';
import { type Answer, answers } from '../shared/print.js';
import { checkClients, type CheckedClient, type ClientsReport } from './check-clients.js';

const EXAMPLES = `
Examples:
  token-broker client check
  token-broker client check --offline
  token-broker client check --json | jq '.clients[] | {alias, google: .google.verdict}'

Checks each client of GOOGLE_CLIENT_SECRETS: that its file is sound, that its redirect URIs keep Google's rules and
include this broker's (PUBLIC_URL + /callback), and that Google accepts its id and secret. Works while other settings are still missing,
and names those too. No user is involved and no token is made.
The exit code is the first that applies of 78 (a fault here), 3 (Google refuses), 69 (Google gave no answer), 0.`;

/** As far as the words of a line begin. */
const INDENT = ' '.repeat(16);

export function clientCheck(): Command {
  return new Command('check')
    .description('Check that the clients work, also at Google')
    .option('--offline', 'do not ask Google')
    .addHelpText('after', EXAMPLES)
    .action(answers(check));
}

async function check({ offline = false }: { offline?: boolean }): Promise<Answer> {
  const report = await checkClients(process.env, offline);
  const others = report.faults.map((fault) => `  - ${fault}`).join('\n');
  return {
    text: [
      ...report.clients.map(inWords),
      ...(report.faults.length > 0 ? [`Faults of the configuration:\n${others}`] : []),
    ].join('\n\n'),
    json: {
      clients: report.clients.map(({ client, redirectUri, google }) => ({
        alias: client.alias,
        client_id: client.clientId,
        project_id: client.projectId,
        kind: client.kind,
        redirect_uri: redirectUri,
        google,
      })),
      faults: report.faults,
    },
    exitCode: exitCodeOf(report),
  };
}

function exitCodeOf({ clients, faults }: ClientsReport): ExitCode {
  const verdicts = clients.map(({ google }) => google.verdict);
  if (faults.length > 0) return EXIT.faultyConfiguration;
  if (verdicts.includes('refused')) return EXIT.refused;
  return verdicts.includes('no_answer') ? EXIT.unavailable : EXIT.done;
}

function inWords({ client, redirectUri, google }: CheckedClient): string {
  return [
    `${client.alias}: ${client.kind} client ${client.clientId} of project ${client.projectId}`,
    `  file          ok`,
    `  redirect URI  ${aboutRedirectUri(redirectUri)}`,
    `  Google        ${aboutGoogle(google)}`,
  ].join('\n');
}

function aboutRedirectUri({ uri, state }: CheckedClient['redirectUri']): string {
  switch (state) {
    case 'listed':
      return `ok: ${uri ?? ''} is listed`;
    case 'loopback':
      return `ok: Google takes any loopback address, so also ${uri ?? ''}`;
    case 'unknown':
      return `not checked: the file lists none; compare ${uri ?? ''} with the Google console`;
    case 'not_usable':
      return 'FAULT: Google would not send browsers back to this broker; see below';
    case 'breaks_rules':
      return "FAULT: one breaks Google's rules; see below, and docs/redirect-uris.md";
    case 'not_checked':
      return 'not checked: PUBLIC_URL is missing or wrong; see below';
  }
}

function aboutGoogle(google: CheckedClient['google']): string {
  switch (google.verdict) {
    case 'accepted':
      return 'ok: accepts id and secret';
    case 'refused':
      return (
        `REFUSES this client: ${google.error}${google.description ? `, "${google.description}"` : ''}\n` +
        `${INDENT}Download its JSON again from the Google console (Clients); if it was deleted, make a new client.`
      );
    case 'no_answer':
      return `NO ANSWER: ${whyNot(google.error)}. Whether it accepts the client is not known; try again.`;
    case 'not_asked':
      return `not asked: ${google.why}`;
  }
}

function whyNot(error: string): string {
  if (error === 'connection_lost') return 'Google cannot be reached from here';
  if (error === 'timeout') return 'Google did not answer within GOOGLE_TIMEOUT_MS';
  return `Google answered ${error}`;
}
