import { type Command, Option } from 'commander';
import { securityEventName } from '../../domain/google/security-event.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { riscCommand, type ServiceAccountOption, withRiscStream } from './open-risc-stream.js';

const EXAMPLES = `
Examples:
  token-broker risc status --service-account risc.json
  token-broker risc status --service-account risc.json --set disabled

While a stream is disabled, Google neither delivers events nor keeps them for
later. Exits with 4 when the project has no stream yet.`;

interface Options extends ServiceAccountOption {
  readonly set?: 'enabled' | 'disabled';
}

export function riscStatus(): Command {
  return riscCommand('status', "Show a project's stream of security events, or switch it on or off")
    .addOption(new Option('--set <status>', 'switch it on or off first').choices(['enabled', 'disabled']))
    .addHelpText('after', EXAMPLES)
    .action(printResult(show));
}

function show({ set, ...options }: Options): Promise<CommandResult> {
  return withRiscStream(options, async ({ stream, projectId }) => {
    if (set !== undefined) await stream.setStatus(set);
    const { url, eventsRequested } = await stream.configuration();
    const status = await stream.status();
    return {
      text: [
        `project  ${projectId}`,
        `status   ${status}`,
        `url      ${url ?? '(none)'}`,
        `events   ${eventsRequested.map((type) => securityEventName(type) ?? type).join(' ') || '(none)'}`,
      ].join('\n'),
      json: { project_id: projectId, status, url, events_requested: eventsRequested },
    };
  });
}
