/** A command of the command line in this process: quicker than one of its own, for what needs no shell to be seen. */
import { Command } from 'commander';
import { EXIT, toFailure } from '../../src/cli/shared/failure.js';

export interface CommandRun {
  readonly code: number;
  /** What --json shows of what went well, and of what did not. */
  readonly output: Record<string, unknown>;
  readonly failure: Record<string, unknown>;
}

/** Runs with --json; a command has the whole process while it runs, so one after the other. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CommandRun> {
  const { stdout, env: ownEnv } = process;
  const write = stdout.write.bind(stdout);
  let shown = '';
  stdout.write = (text) => Boolean((shown += text.toString()));
  process.env = { ...env };
  try {
    const program = new Command('token-broker').option('--json').addCommand(command);
    await program.parseAsync([command.name(), ...args, '--json'], { from: 'user' });
    const code = typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
    return { code, output: JSON.parse(shown) as Record<string, unknown>, failure: {} };
  } catch (error) {
    const { exitCode, code, message } = await toFailure(error);
    return { code: exitCode, output: {}, failure: { error: code, message } };
  } finally {
    process.exitCode = undefined;
    process.env = ownEnv;
    stdout.write = write;
  }
}
