import { resolve } from 'node:path';
import { readTextFile } from '../../config/text-file.js';
import { Secret } from '../../domain/secret.js';
import type { ServiceAccountKey } from '../../google/service-account-key.js';
import { EXIT, Failure } from '../shared/failure.js';

export interface ServiceAccountFile {
  readonly key: ServiceAccountKey;
  /** The whole file. */
  readonly content: Secret;
}

/** @throws {Failure} that names the file and what is wrong with it, and nothing of its content */
export async function readServiceAccountFile(name: string): Promise<ServiceAccountFile> {
  const { readServiceAccountKey } = await import('../../google/service-account-key.js');
  const path = resolve(name);
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new Failure(EXIT.notFound, 'service_account_not_found', `${path} cannot be read (${code}).`);
  }
  const key = readServiceAccountKey(text);
  if (typeof key !== 'string') return { key, content: new Secret(text) };
  throw new Failure(
    EXIT.faultyConfiguration,
    'service_account_faulty',
    `${path} ${key}. Make a key for the service account in the Google console (JSON), and name that file.`,
  );
}
