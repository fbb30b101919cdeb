// Runs before `npm start` and `npm test`, on whatever Node the machine has (20 or newer): installs from the lockfile,
// generates the Prisma client and compiles, each only when something changed since the last time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
const BIN = join(process.cwd(), 'node_modules', '.bin');
const STAMPS = join('node_modules', '.token-broker');

const steps = [
  {
    name: 'install',
    says: 'Installing dependencies from package-lock.json (a minute or two, once) ...',
    inputs: ['package.json', 'package-lock.json'],
    output: join('node_modules', 'node'),
    command: ['npm', 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
  },
  {
    name: 'generate',
    says: 'Generating the database client ...',
    inputs: ['prisma/schema.prisma', 'package-lock.json'],
    output: 'src/token-store/prisma-client',
    command: ['npm', 'run', '--silent', 'generate'],
  },
  {
    name: 'build',
    says: 'Compiling ...',
    inputs: ['src', 'sandbox', 'bench', 'scripts/bundle.mjs', 'nest-cli.json', '.swcrc', 'package-lock.json'],
    output: 'dist',
    command: ['npm', 'run', '--silent', 'build'],
  },
];

for (const step of steps) {
  const digest = digestOf(step.inputs);
  const stamp = join(STAMPS, step.name);
  if (existsSync(step.output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) continue;
  console.error(step.says);
  run(step.command);
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, digest);
}

function run([command, ...args]) {
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
  // Shown when the step fails. A file and not a pipe: a pipe is read until the last descendant closes it, which may be
  // long after the command was killed.
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-setup-'));
  const log = openSync(join(folder, 'log'), 'a+');
  const { status, error } = spawnSync(command, args, {
    env,
    stdio: ['ignore', log, log],
    shell: process.platform === 'win32',
  });
  const output = status === 0 ? '' : readFileSync(join(folder, 'log'), 'utf8');
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
  if (status === 0) return;
  console.error(output);
  console.error(`\`${[command, ...args].join(' ')}\` failed${error ? `: ${error.message}` : ''}.`);
  process.exit(1);
}

function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) addTo(hash, path);
  return hash.digest('hex');
}

function addTo(hash, path) {
  if (!statSync(path).isDirectory()) return hash.update(path).update(readFileSync(path));
  for (const entry of readdirSync(path).sort()) addTo(hash, join(path, entry));
}
