import { CommanderError } from 'commander';
import { buildProgram } from './program.js';
import { explainFailure } from './shared/explain-failure.js';
import { EXIT } from './shared/failure.js';
import { printFailure } from './shared/print.js';

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
