import type { Command } from 'commander';
import type { ExitCode } from './failure.js';

/** What a command prints: the same as text and as JSON. */
export interface CommandResult {
  readonly text: string;
  readonly json: object;
  /** For a result that is itself a failure, such as a client that Google refuses. */
  readonly exitCode?: ExitCode;
}

/** Makes a Commander action that prints the result of `work`, as JSON with --json. */
export function printResult<Args extends unknown[]>(work: (...args: Args) => Promise<CommandResult>) {
  return async function (this: Command, ...args: Args): Promise<void> {
    const { text, json, exitCode } = await work(...args);
    const asJson = this.optsWithGlobals<{ json?: true }>().json;
    process.stdout.write(`${asJson ? JSON.stringify(json, null, 2) : text}\n`);
    if (exitCode !== undefined) process.exitCode = exitCode;
  };
}

/** Columns under upper-case headings. Only the last column may be long: none is aligned behind it. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  // A row of the database can have been changed by others: a line break would make two rows of it.
  const shown = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, '\ufffd')));
  const lines = [headings, ...shown];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Parses an option that may be given several times: each one adds a value. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
