// `npm run sbom`: what the broker is shipped with, as CycloneDX, by npm itself. Of a lockfile without the rest: `npm sbom --omit=dev` leaves
// out every package that a development tool needs as well, and so a third of what is shipped.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isShipped } from './licences.mjs';

const read = (name) => JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'));
const { devDependencies: _, overrides: __, ...manifest } = read('package.json');
const lockfile = read('package-lock.json');
const { devDependencies: ___, ...root } = lockfile.packages[''];
const shipped = Object.entries(lockfile.packages).filter(([path, each]) => isShipped(path, each));

const parent = mkdtempSync(join(tmpdir(), 'token-broker-sbom-'));
// npm names what it lists by the folder.
const folder = join(parent, manifest.name);
mkdirSync(folder);
const write = (name, content) => writeFileSync(join(folder, name), JSON.stringify(content));
write('package.json', manifest);
write('package-lock.json', { ...lockfile, packages: Object.fromEntries([['', root], ...shipped]) });
const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
rmSync(parent, { recursive: true, force: true });
process.exitCode = status ?? 1;
