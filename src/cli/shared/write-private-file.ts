import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { EXIT, Failure } from './failure.js';

/**
 * Writes a file that only its owner may read, whole or not at all: first beside its place, then into it.
 * @param force whether a file that is there already is replaced
 * @throws {Failure} `file_exists` without force; then nothing was touched
 */
export function writePrivateFile(path: string, content: string, force: boolean): void {
  const beside = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    writeNew(beside, content);
    // A link to a name that is taken fails, also when somebody else took it just now.
    if (force) renameSync(beside, path);
    else linkSync(beside, path);
  } catch (error) {
    throw explain(error, path);
  } finally {
    rmSync(beside, { force: true });
  }
}

function writeNew(path: string, content: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    // Whatever the umask says.
    fchmodSync(file, 0o600);
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function explain(error: unknown, path: string): Failure {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'EEXIST') {
    return new Failure(
      EXIT.refused,
      'file_exists',
      `${path} exists already and was not touched. Name another file with --output, or replace it with --force.`,
    );
  }
  if (code === 'ENOENT')
    return new Failure(EXIT.notFound, 'folder_not_found', `The folder of ${path} does not exist.`);
  return new Failure(
    EXIT.refused,
    'not_writable',
    `${path} cannot be written (${code}). Nothing was changed.`,
  );
}
