import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { riscCommand, type ServiceAccountOption, withRiscStream } from './open-risc-stream.js';

const EXAMPLES = `
Examples:
  token-broker risc verify --service-account risc.json
  token-broker risc verify --service-account risc.json --state 'after the move'

Google sends a test event with the state. When it arrives, the broker's log has
a line with "event":"verification" and the same "state". That can take a minute.`;

interface Options extends ServiceAccountOption {
  readonly state?: string;
}

export function riscVerify(): Command {
  return riscCommand('verify', 'Make Google deliver a test event')
    .option('--state <text>', 'identifies the event in the log; random by default')
    .addHelpText('after', EXAMPLES)
    .action(printResult(verify));
}

function verify({ state = `token-broker-${randomUUID()}`, ...options }: Options): Promise<CommandResult> {
  return withRiscStream(options, async ({ stream, projectId }) => {
    await stream.verify(state);
    return {
      text: [
        `Google was asked to send a test event for the project ${projectId}.`,
        `It arrived when the broker's log shows "event":"verification" with "state":${JSON.stringify(state)}.`,
        'If nothing comes: is verification among the events of `token-broker risc status`, and the url right?',
      ].join('\n'),
      json: { project_id: projectId, state },
    };
  });
}
