import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';

// Compiled: it finds package.json by its own path.
const { buildProgram } = (await import(
  resolve('dist/src/cli/program.js')
)) as typeof import('../../src/cli/program.js');

/** The names of all commands, and those of their groups. */
function namesOf(command: Command, path: readonly string[] = []): { name: string; isGroup: boolean }[] {
  const here = { name: path.join(' '), isGroup: command.commands.length > 0 };
  return [here, ...command.commands.flatMap((child) => namesOf(child, [...path, child.name()]))];
}

const NAMES = namesOf(buildProgram(false));
const COMMANDS = NAMES.filter(({ isGroup }) => !isGroup).map(({ name }) => name);

describe('the command line', () => {
  test.each(['', ...COMMANDS])('shows examples and exit codes in `%s --help`', async (command) => {
    const { code, stdout, stderr } = await tokenBroker([...command.split(' ').filter(Boolean), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: token-broker ${command}`.trimEnd());
    expect(stdout).toMatch(/Examples:\n {2}token-broker /);
    for (const exitCode of [0, 1, 2, 3, 4, 69, 78])
      expect(stdout).toMatch(new RegExp(`^ {2}${exitCode} +\\w`, 'm'));
    expect(stdout).toContain('--json');
  });

  test.each(NAMES)('keeps the lines of `$name --help` within 80 columns', async ({ name }) => {
    const { stdout } = await tokenBroker([...name.split(' ').filter(Boolean), '--help']);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('takes it for no failure when a reader such as `head` stops reading', async () => {
    const child = spawn(process.execPath, [resolve('dist/bundle/cli/main.js'), '--help'], {
      cwd: emptyFolder(),
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    child.stdout.destroy();
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(errors).toBe('');
  });

  test('has the version of package.json', async () => {
    expect(await tokenBroker(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  test.each([
    [[], 'a command is missing'],
    [['service'], 'a command is missing'],
    [['servise'], "unknown command 'servise'"],
    [['migrate', '--force'], "unknown option '--force'"],
    [
      ['service', 'create', '--client', 'default', '--scope', '*', '--user', '*'],
      "missing required argument 'name'",
    ],
    [
      ['service', 'create', 'reports', '--client', 'default', '--scope', '*'],
      "'--user <rule>' not specified",
    ],
    [['service', 'revoke', 'a', 'b'], 'too many arguments'],
    [['keys', 'generate'], "'--out <file>' not specified"],
  ])('exits with 2 for the wrong usage %j, in words and in JSON', async (args, what) => {
    const inWords = await tokenBroker(args);
    expect(inWords).toMatchObject({ code: 2, stdout: '' });
    expect(inWords.stderr).toContain(what);
    expect(inWords.stderr).toMatch(/See `token-broker.* --help`\.\n$/);
    expect(await asJson(args)).toEqual({
      code: 2,
      output: null,
      failure: { error: 'wrong_usage', exit_code: 2, message: expect.stringContaining(what) },
    });
  });

  test('names all settings that are missing, and exits with 78', async () => {
    const missing = ['PUBLIC_URL', 'DATABASE_URL', 'KEY_RING_FILE', 'GOOGLE_CLIENT_SECRETS'];
    const inWords = await tokenBroker(['service', 'list']);
    expect(inWords).toMatchObject({ code: 78, stdout: '' });
    for (const name of missing) expect(inWords.stderr).toContain(`\n  - ${name} is not set\n`);
    expect(inWords.stderr).not.toMatch(/^ {4}at /m);
    const { code, failure } = await asJson(['keys', 'reseal']);
    expect(code).toBe(78);
    expect(failure).toMatchObject({
      error: 'configuration_faulty',
      exit_code: 78,
      faults: missing.map((name) => `${name} is not set`),
    });
  });

  test('reads settings from .env, and prefers the environment', async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, '.env'), 'DATABASE_URL=mysql://nowhere\n');
    const fromFile = await tokenBroker(['migrate'], {}, folder);
    expect(fromFile).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('must be a postgresql:// URL'),
    });
    const overruled = await tokenBroker(
      ['migrate'],
      { DATABASE_URL: 'postgresql://x@127.0.0.1:1/x' },
      folder,
    );
    expect(overruled.code).toBe(69);
  });
});
