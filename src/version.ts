/**
 * Which version this is, and which Node.js it needs, both as package.json says. Loading this file refuses a Node.js below that, before
 * something fails for a reason that says less: an installed command line runs on its caller's Node.js, and npm only warns. Entry
 * points import it first.
 */
import { existsSync, readFileSync } from 'node:fs';

interface Package {
  readonly version?: string;
  readonly engines?: { readonly node?: string };
}

export function readVersion(): string {
  return readPackage()?.version ?? 'unknown';
}

/** The lowest Node.js that runs this, such as `22.15`; null where no package.json says so. */
function readLowestNode(): string | null {
  return readPackage()?.engines?.node?.replace('>=', '') ?? null;
}

/** The package.json above this file, wherever it was compiled or bundled to. */
function readPackage(): Package | null {
  for (const path of ['../package.json', '../../package.json', '../../../package.json']) {
    const file = new URL(path, import.meta.url);
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Package;
  }
  return null;
}

function isBelow(version: string, limit: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [limitMajor = 0, limitMinor = 0] = limit.split('.').map(Number);
  return major < limitMajor || (major === limitMajor && minor < limitMinor);
}

const lowest = readLowestNode();
if (lowest !== null && isBelow(process.versions.node, lowest)) {
  process.stderr.write(
    `The token broker needs Node.js ${lowest} or later. This is ${process.versions.node} (${process.execPath}).\n`,
  );
  // EX_CONFIG of sysexits.h.
  process.exit(78);
}
