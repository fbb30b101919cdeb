#!/usr/bin/env node
/**
 * The command line `token-broker`: how an operator administers a broker, and a developer gets credentials for the Google
 * Ads API. docs/cli.md documents it.
 * Owns the commands, their texts, tables and exit codes. Does not own rules or data: services/ judges policies,
 * token-store/ has the rows, sealing/ the keys.
 * One command is one file. It imports the broker's modules only when it runs, so that `--help` is fast.
 */
import '../version.js';
// Before every class with decorators, in whatever order the commands import them.
import 'reflect-metadata';
import { run } from './run.js';
import { goOnWithoutReader } from './shared/output.js';

goOnWithoutReader();
process.exitCode = await run(process.argv.slice(2));
