import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type Answer, answers } from '../shared/print.js';
import { riscCommand, type ServiceAccountOption, withRiscStream } from './open-risc-stream.js';

const EXAMPLES = `
Examples:
  token-broker risc verify --service-account risc.json
  token-broker risc verify --service-account risc.json --state 'after the move'

Google sends a test event that carries the state. When it arrives, the broker's log has a line with
"event":"verification" and the same "state". That can take a minute.`;

interface Options extends ServiceAccountOption {
  readonly state?: string;
}

export function riscVerify(): Command {
  return riscCommand('verify', 'Make Google deliver a test event')
    .option('--state <text>', 'how to know it again; made up without this')
    .addHelpText('after', EXAMPLES)
    .action(answers(verify));
}

function verify({ state = `token-broker-${randomUUID()}`, ...options }: Options): Promise<Answer> {
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
