import { existsSync, readFileSync } from 'node:fs';

/** Of the package.json above this file, wherever it was compiled or bundled to. */
export function readVersion(): string {
  for (const path of ['../package.json', '../../package.json', '../../../package.json']) {
    const file = new URL(path, import.meta.url);
    if (!existsSync(file)) continue;
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}
