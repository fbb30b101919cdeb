import { basename, join } from 'node:path';

const above = join(import.meta.dirname, '..');
const DIST = basename(above) === 'dist' ? above : join(above, 'dist');

/** The path of a compiled file, for a process of its own; tests run this from the sources, which no process can. */
export function compiled(path: string): string {
  return join(DIST, path);
}
