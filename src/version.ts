import { existsSync, readFileSync } from 'node:fs';

interface Package {
  readonly version?: string;
  readonly engines?: { readonly node?: string };
}

export function readVersion(): string {
  return readPackage()?.version ?? 'unknown';
}

/** The lowest Node.js that runs this, such as `22.15`; null where no package.json says so. */
export function readLowestNode(): string | null {
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
