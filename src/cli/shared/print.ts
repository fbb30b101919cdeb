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

/** Columns under upper-case headings. The last column may be long: nothing is lined up behind it. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
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
