import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { EXIT, Failure } from '../shared/failure.js';

/** @throws {Failure} when there is a file already: overwriting a key ring loses every token that it sealed */
export function writeNew(path: string, content: string): void {
  writeSafely(path, 0o600, content, () => {
    throw new Failure(
      EXIT.refused,
      'key_ring_exists',
      `${path} exists already and was not touched: what its keys have sealed opens with nothing else.\n` +
        'Use --add to put a new sealing key in front of them, or name another file.',
    );
  });
}

/**
 * Replaces a key ring by a longer one, whole or not at all. The new file beside it is also the lock: of two that
 * add a key at the same time, one would otherwise throw away the other's.
 * @param extend reads the key ring and makes the content of the new one
 */
export function writeExtended(path: string, extend: () => string): void {
  const target = foundAt(path);
  const { mode, uid, gid } = statSync(target);
  const beside = `${target}.new`;
  // Whoever could read the old file must be able to read the new one, such as the broker's own user; others not.
  writeSafely(beside, (mode & 0o640) | 0o600, extend, () => {
    throw new Failure(
      EXIT.refused,
      'key_ring_busy',
      `${beside} exists: somebody else is adding a key just now, or was interrupted. Nothing was changed.\n` +
        'If nobody is, remove that file and try again.',
    );
  });
  try {
    const made = statSync(beside);
    if (made.uid !== uid || made.gid !== gid) chownSync(beside, uid, gid);
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw notWritable(error, path);
  }
}

function foundAt(path: string): string {
  try {
    // Through symbolic links: Kubernetes and others put them in front of secrets.
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notWritable(error, path);
    throw new Failure(
      EXIT.notFound,
      'key_ring_not_found',
      `There is no key ring at ${path}. Leave out --add to make one.`,
    );
  }
}

function writeSafely(
  path: string,
  mode: number,
  content: string | (() => string),
  exists: () => never,
): void {
  let file: number;
  try {
    file = openSync(path, 'wx', mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') exists();
    throw notWritable(error, path);
  }
  try {
    // Whatever the umask says.
    fchmodSync(file, mode);
    writeFileSync(file, typeof content === 'string' ? content : content());
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function notWritable(error: unknown, path: string): Failure {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'ENOENT')
    return new Failure(EXIT.notFound, 'folder_not_found', `The folder of ${path} does not exist.`);
  return new Failure(
    EXIT.refused,
    'not_writable',
    `${path} cannot be written (${code}). Nothing was changed.`,
  );
}
