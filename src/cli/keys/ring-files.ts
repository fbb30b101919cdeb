/*
 * The file of a key ring as commands change it: whole or not at all, one command at a time, wrapped by a KMS or not. Does not own
 * its form (sealing/ring-file.ts), nor what is in it (sealing/key-ring.ts).
 */
import { chownSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import type { KmsAccess } from '../../google/kms/google-kms.js';
import { EXIT, Failure, faultyConfiguration } from '../shared/failure.js';
import { createFile, explainWrite, fillFile, isExisting, placeFile, syncFolderOf } from '../shared/files.js';
import { readSomeSettings, TO_GOOGLE } from '../shared/some-settings.js';

/** What commands that may need a KMS take from the environment. */
interface KmsSettings extends KmsAccess {
  /** KEY_RING_KMS_KEY, or what was given instead. */
  readonly kmsKey: string | null;
}

/** @param kmsKey an option that takes precedence over KEY_RING_KMS_KEY @throws {Failure} */
export async function kmsSettings(kmsKey?: string): Promise<KmsSettings> {
  const [{ environment, faultsOf }, { standInFaults }] = await Promise.all([
    readSomeSettings(process.env, { KEY_RING_KMS_KEY: kmsKey }),
    import('../../config/environment.js'),
  ]);
  const wrong = [...faultsOf('KEY_RING_KMS_KEY', ...TO_GOOGLE), ...standInFaults(environment)];
  if (wrong.length > 0) throw faultyConfiguration(wrong);
  return {
    kmsKey: environment.KEY_RING_KMS_KEY,
    googleStandInUrl: environment.GOOGLE_STAND_IN_URL,
    googleTimeoutMs: environment.GOOGLE_TIMEOUT_MS,
  };
}

interface ReadRing {
  /** The JSON Web Key Set. */
  readonly json: string;
  /** The key that wraps it and its version; null: none. */
  readonly wrappedBy: { readonly kmsKey: string; readonly keyVersion: string } | null;
}

/** Reads a key ring, unwrapped with the key that the file names. @throws {Failure} */
export async function readRing(path: string, kms: KmsAccess): Promise<ReadRing> {
  const [{ KeyRingError, readRingFile, unwrapRing }, { keyRingOf }] = await Promise.all([
    import('../../sealing/ring-file.js'),
    import('../../sealing/key-ring.js'),
  ]);
  try {
    const file = readRingFile(path);
    const json = typeof file === 'string' ? file : await unwrapRing(file, kms);
    keyRingOf(json);
    return { json, wrappedBy: typeof file === 'string' ? null : file };
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    throw new Failure(
      EXIT.faultyConfiguration,
      'key_ring_faulty',
      `${path} ${error.message}. Nothing was changed.`,
    );
  }
}

/** @throws {Failure} when the file exists: overwriting a key ring loses every token that it sealed */
export function writeNewRing(path: string, content: string): void {
  try {
    createFile(path, 0o600, () => content);
  } catch (error) {
    if (!isExisting(error)) throw explainWrite(error, path);
    throw new Failure(
      EXIT.refused,
      'key_ring_exists',
      `${path} exists already and was not touched: nothing else opens what its keys have sealed.\n` +
        'Use --add to put a new sealing key in front of them, or name another file.',
    );
  }
  syncFolderOf(path);
}

/**
 * Replaces a key ring, whole or not at all: until the new one is complete, the file is the old one. The temporary file is also a
 * lock: of two commands at the same time, one would otherwise overwrite what the other added.
 * @param make reads the key ring and makes the content of the new one
 * @returns what `make` returned
 */
export async function replaceRing<Made extends { readonly content: string }>(
  path: string,
  make: () => Promise<Made>,
): Promise<Made> {
  const target = realPathOf(path);
  const { mode, uid, gid } = statSync(target);
  const temporary = `${target}.new`;
  try {
    // The same readers as before, such as the broker's own user, and no others.
    createFile(temporary, (mode & 0o640) | 0o600, () => '');
  } catch (error) {
    if (!isExisting(error)) throw explainWrite(error, path);
    throw new Failure(
      EXIT.refused,
      'key_ring_busy',
      `${temporary} exists: another command is changing the key ring, or was interrupted. Nothing was changed.\n` +
        'If no other command runs, remove that file and try again.',
    );
  }
  try {
    const made = await make();
    fillFile(temporary, made.content);
    const created = statSync(temporary);
    if (created.uid !== uid || created.gid !== gid) chownSync(temporary, uid, gid);
    placeFile(temporary, target, renameSync);
    return made;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explainWrite(error, path);
  }
}

function realPathOf(path: string): string {
  try {
    // Through symbolic links: Kubernetes and others put them in front of secrets.
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw explainWrite(error, path);
    throw new Failure(
      EXIT.notFound,
      'key_ring_not_found',
      `There is no key ring at ${path}. Make one with \`token-broker keys generate\`.`,
    );
  }
}
