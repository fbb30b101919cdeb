import type { Command } from 'commander';
import type { ExitCode } from './failure.js';
import { print } from './output.js';
import { widthOf } from './table.js';

/** What a command prints: the same as text and as JSON. */
export interface CommandResult<Text = string> {
  readonly text: Text;
  readonly json: object;
  /** Lines for standard error, where the text is for a program; with --json they are in the JSON. */
  readonly notes?: readonly string[];
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
    const { text, json, notes = [], exitCode } = await work(...args);
    const options = globalOptions(this);
    const asText = () => (typeof text === 'string' ? text : text(widthOf(options)));
    await print(options.json ? JSON.stringify(json, null, 2) : asText());
    if (!options.json) process.stderr.write(notes.map((line) => `${line}\n`).join(''));
    if (exitCode !== undefined) process.exitCode = exitCode;
  };
}

/** Parses an option that may be given several times: each one adds a value. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
