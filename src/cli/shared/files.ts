/** Files that commands read and write: every error becomes a Failure that names the path and shows no content. */
import { randomUUID } from 'node:crypto';
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
import { basename, dirname, join, resolve } from 'node:path';
import { decodeText, readTextFile } from '../../config/configuration-files.js';
import { Secret } from '../../domain/secret.js';
import type { ServiceAccountKey } from '../../google/service-account-key.js';
import { EXIT, Failure } from './failure.js';

/** Some file systems do not sync folders, and one may be written to by those who may not read it. */
const CANNOT_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EACCES', 'EPERM']);

/**
 * @param path absolute
 * @param explain makes a Failure of the system's error code, such as `ENOENT`
 * @throws {Failure}
 */
export function readText(path: string, explain: (code: string) => Failure): string {
  try {
    return readTextFile(path);
  } catch (error) {
    throw explain((error as NodeJS.ErrnoException).code ?? 'unknown');
  }
}

/**
 * A secret from a file, or from standard input where the path is `-`. Never from an argument: every user of the machine
 * can see those, and they stay in the shell's history.
 * @param what its name in a refusal
 * @throws {Failure}
 */
export async function readSecret(path: string, what: string): Promise<Secret> {
  const text =
    path === '-'
      ? await readStandardInput()
      : readText(
          resolve(path),
          (code) =>
            new Failure(
              EXIT.fileMissing,
              'secret_file_missing',
              `The ${what} cannot be read from ${resolve(path)} (${code}). Name a file that holds it and nothing else, or -.`,
            ),
        );
  // The line break that editors and `echo` put at the end; a space may belong to the secret.
  const value = text.replace(/\r?\n$/, '');
  if (value !== '') return new Secret(value);
  throw new Failure(
    EXIT.wrongUsage,
    'secret_missing',
    `The ${what} is missing: ${path === '-' ? 'nothing came on standard input' : `${resolve(path)} is empty`}.`,
  );
}

export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return decodeText(Buffer.concat(chunks));
}

export interface ServiceAccountFile {
  readonly key: ServiceAccountKey;
  /** The whole file. */
  readonly content: Secret;
}

/** @throws {Failure} when the file cannot be read or holds no key of a service account */
export async function readServiceAccountFile(name: string): Promise<ServiceAccountFile> {
  const { readServiceAccountKey } = await import('../../google/service-account-key.js');
  const path = resolve(name);
  const text = readText(
    path,
    (code) => new Failure(EXIT.notFound, 'service_account_not_found', `${path} cannot be read (${code}).`),
  );
  const key = readServiceAccountKey(text);
  if (typeof key !== 'string') return { key, content: new Secret(text) };
  throw new Failure(
    EXIT.faultyConfiguration,
    'service_account_faulty',
    `${path} ${key}. Make a key for the service account in the Google console (JSON), and name that file.`,
  );
}

/**
 * Creates a file that is not there yet and syncs it to the disk; where that fails, no file is left. Its name is kept once `syncFolderOf`
 * has ended.
 * @param write makes the content, while the name is taken already
 * @throws {NodeJS.ErrnoException} `EEXIST` when the name is taken, or what `write` throws
 */
export function createFile(path: string, mode: number, write: () => string): void {
  const file = openSync(path, 'wx', mode);
  try {
    // Whatever the umask says.
    fchmodSync(file, mode);
    writeSynced(file, write());
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/**
 * Syncs the folder of a file that was created or renamed: a power loss could undo that, although the file itself was synced.
 * @throws {Failure} where the disk fails
 */
export function syncFolderOf(path: string): void {
  // Windows does not sync folders.
  if (process.platform === 'win32') return;
  try {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (CANNOT_SYNC.has(code)) return;
    throw new Failure(
      EXIT.refused,
      'not_synced',
      `${path} was written, but its folder could not be synced to the disk (${code}): a power loss may undo that. Look at the disk, ` +
        'and keep a copy of the file elsewhere.',
    );
  }
}

/** Gives a file that `createFile` made as a placeholder its content, synced to the disk. */
export function fillFile(path: string, content: string): void {
  const file = openSync(path, 'r+');
  try {
    writeSynced(file, content);
  } finally {
    closeSync(file);
  }
}

function writeSynced(file: number, content: string): void {
  writeFileSync(file, content);
  fsyncSync(file);
}

/**
 * Gives a complete file its name, in the same folder: until then, a file of that name is as it was.
 * @param place `linkSync`, unlike a rename, fails when the name is taken, also when it was taken a moment ago
 * @throws {Failure} as `syncFolderOf`: no command says that a file is there which a power loss may undo
 */
export function placeFile(temporary: string, path: string, place: typeof renameSync | typeof linkSync): void {
  place(temporary, path);
  syncFolderOf(path);
}

/**
 * Writes a file that only its owner may read, whole or not at all: first under another name in the same folder.
 * @param force whether an existing file is replaced
 * @throws {Failure} `file_exists` without force; the existing file is untouched
 */
export function writePrivateFile(path: string, content: string, force: boolean): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    createFile(temporary, 0o600, () => content);
    placeFile(temporary, path, force ? renameSync : linkSync);
  } catch (error) {
    if (!isExisting(error)) throw explainWrite(error, path);
    throw new Failure(
      EXIT.refused,
      'file_exists',
      `${path} exists already and was not touched. Name another file with --output, or replace it with --force.`,
    );
  } finally {
    rmSync(temporary, { force: true });
  }
}

export function isExisting(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}

/** @returns the Failure for an error of the file system; any other error as it is */
export function explainWrite(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (code === 'ENOENT')
    return new Failure(EXIT.notFound, 'folder_not_found', `The folder of ${path} does not exist.`);
  return new Failure(
    EXIT.refused,
    'not_writable',
    `${path} cannot be written (${code}). Nothing was changed.`,
  );
}
