import type { Command } from 'commander';
import type { ExitCode } from './failure.js';
import { print } from './output.js';
import { widthOf } from './table.js';

/** What a command prints: the same as text and as JSON. */
export interface CommandResult<Text = string> {
  readonly text: Text;
  readonly json: object;
  /** For a result that is itself a failure, such as a client that Google refuses. */
  readonly exitCode?: ExitCode;
}

/** One whose text is made for the width of the terminal. */
export type TableResult = CommandResult<(width: number) => string>;

interface GlobalOptions {
  readonly json?: boolean;
  readonly wide?: boolean;
}

/** The options that every command has. */
export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

/** Makes a Commander action that prints the result of `work`, as JSON with --json. */
export function printResult<Args extends unknown[]>(
  work: (...args: Args) => Promise<CommandResult | TableResult>,
) {
  return async function (this: Command, ...args: Args): Promise<void> {
    const { text, json, exitCode } = await work(...args);
    const options = globalOptions(this);
    const asText = () => (typeof text === 'string' ? text : text(widthOf(options)));
    await print(options.json ? JSON.stringify(json, null, 2) : asText());
    if (exitCode !== undefined) process.exitCode = exitCode;
  };
}

/** Parses an option that may be given several times: each one adds a value. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
