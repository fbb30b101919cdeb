import type { Command } from 'commander';
import type { ExitCode, Failure } from './failure.js';

/** What a command answers: the same in words and for machines. */
export interface Answer {
  readonly text: string;
  readonly json: object;
  /** For a command whose answer is itself bad news. */
  readonly exitCode?: ExitCode;
}

/** Makes a command's action of its work: prints what it answers, as --json wishes. */
export function answers<Args extends unknown[]>(work: (...args: Args) => Promise<Answer>) {
  return async function (this: Command, ...args: Args): Promise<void> {
    const { text, json, exitCode } = await work(...args);
    const asJson = this.optsWithGlobals<{ json?: true }>().json;
    process.stdout.write(`${asJson ? JSON.stringify(json, null, 2) : text}\n`);
    if (exitCode !== undefined) process.exitCode = exitCode;
  };
}

export function printFailure({ exitCode, code, message, faults }: Failure, asJson: boolean): void {
  const json = { error: code, message, exit_code: exitCode, ...(faults.length > 0 ? { faults } : {}) };
  process.stderr.write(`${asJson ? JSON.stringify(json) : message}\n`);
}
