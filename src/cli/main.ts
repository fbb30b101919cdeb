#!/usr/bin/env node
/**
 * The command line `token-broker`: how an operator administers a broker, and a developer gets credentials for the Google
 * Ads API. docs/cli.md documents it.
 * Owns the commands, their texts, tables and exit codes. Does not own rules or data: services/ judges policies,
 * token-store/ has the rows, sealing/ the keys.
 * One command is one file. It imports the broker's modules only when it runs, so that `--help` is fast.
 */
import { CommanderError } from 'commander';
import { buildProgram } from './program.js';
import { EXIT, explainFailure, type Failure } from './shared/failure.js';

// A reader such as `head` may close the pipe before everything is written.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

process.exitCode = await run(process.argv.slice(2));

/**
 * Runs one command and prints its failure.
 * @param args what follows `token-broker` on the command line
 * @returns the exit code
 */
async function run(args: readonly string[]): Promise<number> {
  // Wrong usage is reported in JSON as well, and then the options were not parsed.
  const asJson = args.includes('--json');
  try {
    await buildProgram(asJson).parseAsync([...args], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    // Commander throws also after a help text or the version.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const failure = await explainFailure(error);
    printFailure(failure, asJson);
    return failure.exitCode;
  }
}

function printFailure({ exitCode, code, message, faults }: Failure, asJson: boolean): void {
  const json = { error: code, message, exit_code: exitCode, ...(faults.length > 0 ? { faults } : {}) };
  process.stderr.write(`${asJson ? JSON.stringify(json) : message}\n`);
}
