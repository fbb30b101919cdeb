// `npm run pack:cli [FOLDER]`: the command line as a package of its own, token-broker-cli-VERSION.tgz in this folder or another, to be
// installed or run by npx elsewhere. It holds the bundle, which has its packages in it, and so nothing has to be downloaded with it.
// The broker and the stand-in for Google are not in it. Needs `npm run build` before.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isShipped } from './licences.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'dist/cli-package');
/** `migrate` looks for its WebAssembly as a package. */
const ENGINE = '@prisma/schema-engine-wasm';

const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const { version, license, type, engines, bin } = readJson('package.json');

rmSync(folder, { recursive: true, force: true });
// As deep as in the checkout, so that paths from a file to the root of the package hold.
copy('dist/bundle/cli', (path) => !path.endsWith('.map'));
copy('prisma/migrations');
copy(join('node_modules', ENGINE));
copy('LICENSE');
write('package.json', {
  name: 'token-broker-cli',
  version,
  description:
    "The token broker's command line: refresh tokens, configurations of Google's libraries, administration",
  private: true,
  license,
  type,
  engines,
  bin,
  files: ['dist', 'prisma', 'THIRD-PARTY-LICENSES.txt'],
  dependencies: { [ENGINE]: readJson(join('node_modules', ENGINE, 'package.json')).version },
  bundleDependencies: [ENGINE],
});
writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), thirdPartyLicences());

const destination = resolve(process.argv[2] ?? '.');
mkdirSync(destination, { recursive: true });
const { status } = spawnSync('npm', ['pack', '--pack-destination', destination], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit'],
  // npm is a script on Windows.
  shell: process.platform === 'win32',
});
process.exitCode = status ?? 1;

function copy(path, filter = () => true) {
  cpSync(join(root, path), join(folder, path), { recursive: true, filter });
}

function write(path, json) {
  writeFileSync(join(folder, path), `${JSON.stringify(json, null, 2)}\n`);
}

/** The bundle has no comments, and no node_modules beside it. */
function thirdPartyLicences() {
  const { packages } = readJson('package-lock.json');
  return Object.entries(packages)
    .filter(([path, entry]) => isShipped(path, entry) && existsSync(join(root, path)))
    .map(([path, { version: its, license: named }]) => {
      const texts = readdirSync(join(root, path)).filter((name) =>
        /^(licen[cs]e|notice|copying)/i.test(name),
      );
      const content = texts.map((name) => readFileSync(join(root, path, name), 'utf8').trim());
      return [`${path.split('node_modules/').at(-1)}@${its} (${named})`, ...content].join('\n\n');
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`);
}
