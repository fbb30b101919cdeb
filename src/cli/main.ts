#!/usr/bin/env node
/**
 * The command line `token-broker`: what an operator does to a broker from outside while it runs, or before it does.
 * Owns the commands, their words, tables and exit codes; docs/cli.md tells them to a user.
 * Does not own any rule or any data: policies are judged by services/, rows by token-store/, keys by sealing/.
 * One command is one file. It loads the broker's rooms only when it runs, so that `--help` answers at once.
 */
import { run } from './run.js';

// A reader such as `head` may close the pipe before everything is written; then nothing is left to do.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

process.exitCode = await run(process.argv.slice(2));
