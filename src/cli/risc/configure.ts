import type { Command } from 'commander';
import { SECURITY_EVENT_NAMES, SECURITY_EVENTS } from '../../domain/google/security-event.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import {
  type OpenStream,
  riscCommand,
  type ServiceAccountOption,
  withRiscStream,
} from './open-risc-stream.js';

const EXAMPLES = `
Examples:
  token-broker risc configure --service-account risc.json \\
    --url https://broker.example.com/security-events/google
  token-broker risc configure --service-account risc.json \\
    --events tokens-revoked token-revoked verification

Without --url, it is PUBLIC_URL + /security-events/google. Without --events, all
that the broker handles:
  ${SECURITY_EVENT_NAMES.join('\n  ')}
Google keeps one stream per project: run this once for each project that the
broker has clients of, with a service account of that project. Running it again
replaces the stream's address and events. docs/security-events.md has the steps
before it.`;

interface Options extends ServiceAccountOption {
  readonly url?: string;
  readonly events?: readonly string[];
}

export function riscConfigure(): Command {
  return riscCommand('configure', 'Set where Google delivers security events, and which')
    .option('--url <url>', "the broker's address for security events")
    .option('--events <name...>', 'names as below, or whole event types')
    .addHelpText('after', EXAMPLES)
    .action(printResult(configure));
}

function configure(options: Options): Promise<CommandResult> {
  const events = (options.events ?? SECURITY_EVENT_NAMES).map(typeOf);
  return withRiscStream(options, async ({ stream, projectId, settings }) => {
    const url = addressOf(options.url, settings);
    await stream.configure(url, events);
    const notes = notesOn(projectId, settings);
    return {
      text: [
        `Google delivers security events of the project ${projectId} to ${url} from now on:`,
        ...events.map((type) => `  ${type}`),
        ...notes,
        'Next: `token-broker risc verify` makes Google send a test event.',
      ].join('\n'),
      json: { project_id: projectId, url, events_requested: events, notes },
    };
  });
}

function addressOf(given: string | undefined, { publicUrl, google }: OpenStream['settings']): string {
  const url = given ?? (publicUrl === null ? undefined : `${publicUrl}/security-events/google`);
  const protocols = google?.standInUrl ? ['http:', 'https:'] : ['https:'];
  if (url !== undefined && URL.canParse(url) && protocols.includes(new URL(url).protocol)) return url;
  throw wrongUsage(
    url === undefined
      ? '--url is needed where PUBLIC_URL is not set.'
      : `${url} is not an https address, and Google delivers to no other.`,
  );
}

/** A stream of another project delivers events whose audience is not a client of the broker. */
function notesOn(projectId: string, { clients }: OpenStream['settings']): string[] {
  if (clients.length === 0 || clients.some((client) => client.projectId === projectId)) return [];
  return [
    `Careful: no client of GOOGLE_CLIENT_SECRETS belongs to the project ${projectId}, so the broker will refuse ` +
      'these events. Use a service account of the same project as the client.',
  ];
}

/** An unknown name is passed to Google as it is. */
function typeOf(nameOrType: string): string {
  const name = SECURITY_EVENT_NAMES.find((each) => each === nameOrType);
  return name === undefined ? nameOrType : SECURITY_EVENTS[name];
}
