import { CommanderError } from 'commander';
import { buildProgram } from './program.js';
import { EXIT, toFailure, type Failure } from './shared/failure.js';

/**
 * Runs one command and prints its failure.
 * @param args what follows `token-broker` on the command line
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  // Wrong usage is reported in JSON as well, and then the options were not parsed.
  const asJson = args.includes('--json');
  try {
    await buildProgram(asJson).parseAsync([...args], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    // Commander throws also after a help text or the version.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const failure = await toFailure(error);
    printFailure(failure, asJson);
    return failure.exitCode;
  }
}

function printFailure({ exitCode, code, message, faults }: Failure, asJson: boolean): void {
  const json = { error: code, message, exit_code: exitCode, ...(faults.length > 0 ? { faults } : {}) };
  process.stderr.write(`${asJson ? JSON.stringify(json) : message}\n`);
}
