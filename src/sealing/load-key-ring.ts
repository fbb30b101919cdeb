import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { KmsFailure } from '../domain/google/google-failure.js';
import type { KmsAccess } from '../google/kms/google-kms.js';
import { type KeyRing, keyRingOf } from './key-ring.js';
import { KeyRingError, readRingFile, unwrapRing } from './ring-file.js';

interface Source extends KmsAccess {
  readonly keyRingFile: string;
  readonly keyRingKmsKey: string | null;
}

const log = new Logger('KeyRing');

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;

/**
 * Reads the key ring, and has it unwrapped where it is wrapped. The keys are kept in memory: this is done at the start and
 * whenever the file changes, never for a request.
 * @param mayBePlain false once a wrapped one was read: who can write the file could put a key of their own there, without the KMS
 * @throws {KeyRingError}
 * @throws {KmsFailure}
 */
export async function loadKeyRing(source: Source, mayBePlain = true): Promise<KeyRing> {
  const { keyRingFile, keyRingKmsKey } = source;
  const file = readRingFile(keyRingFile);
  if (typeof file === 'string') {
    if (mayBePlain) return keyRingOf(file);
    throw new KeyRingError('is not wrapped any more; where that is right, restart without KEY_RING_KMS_KEY');
  }
  // The file does not decide which key is asked: who can write it could name one of their own.
  if (file.kmsKey !== keyRingKmsKey)
    throw new KeyRingError('is wrapped by another key than KEY_RING_KMS_KEY says');
  return keyRingOf(await unwrapRing(file, source));
}

/** The same at the start: a KMS that is unavailable is asked again for a while. The log says so at once: a platform may not wait as long. */
export async function loadFirstKeyRing(source: Source, waitMs: number): Promise<KeyRing> {
  const until = performance.now() + waitMs;
  let isLogged = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await loadKeyRing(source);
    } catch (error) {
      const mayComeBack = error instanceof KmsFailure && error.isTransient;
      if (!mayComeBack || performance.now() + pauseMs > until) throw error;
      if (!isLogged) log.warn({ err: error, wait_seconds: waitMs / 1000 }, 'the start waits for the KMS');
      isLogged = true;
      await sleep(pauseMs);
    }
  }
}
