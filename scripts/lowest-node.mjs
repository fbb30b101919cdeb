// Puts the lowest Node.js that package.json promises into .cache/, where test/operations/lowest-node.test.ts finds it. For CI:
// `node scripts/lowest-node.mjs`. Linux on x86-64 and arm64; elsewhere it says so and does nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
const version = `${major}.${minor}.0`;
const folder = join(root, '.cache', `node-${version}`);
const binary = join(folder, 'package', 'bin', 'node');

if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
  console.error(`There is no package of Node.js ${version} for ${process.platform} ${process.arch}.`);
} else if (!existsSync(binary)) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const spec = `node-linux-${process.arch}@${version}`;
  run('npm', ['pack', '--silent', '--pack-destination', folder, spec]);
  run('tar', ['-xzf', join(folder, `node-linux-${process.arch}-${version}.tgz`), '-C', folder]);
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return;
  console.error(`\`${[command, ...args].join(' ')}\` failed.`);
  process.exit(1);
}
