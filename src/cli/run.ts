import { CommanderError } from 'commander';
import { explainFailure } from './explain-failure.js';
import { EXIT } from './failure.js';
import { printFailure } from './print.js';
import { buildProgram } from './program.js';

/**
 * Runs one command and says how it went.
 * @param args what follows `token-broker` on the command line
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  // Wrong usage must be said in JSON as well, and then the options were not parsed.
  const asJson = args.includes('--json');
  try {
    await buildProgram(asJson).parseAsync([...args], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    // Commander throws also when all it had to do was to show a help text or the version.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    const failure = explainFailure(error);
    printFailure(failure, asJson);
    return failure.exitCode;
  }
}
