import { Command } from 'commander';
import type { GoogleFailure } from '../../domain/google/google-failure.js';
import type { RiscStream } from '../../google/risc/risc-stream.js';
import { type ClientSettings, readClientSettings } from '../client/read-client-settings.js';
import { readServiceAccountFile } from '../service-account/read-service-account-file.js';
import { faultyConfiguration } from '../shared/failure.js';
import { explainRiscFailure } from './explain-risc-failure.js';

export interface ServiceAccountOption {
  readonly serviceAccount: string;
}

export interface OpenStream {
  readonly stream: RiscStream;
  readonly projectId: string;
  readonly settings: ClientSettings;
}

/** A command of the group `risc`: every one of them needs the service account. */
export function riscCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption(
      '--service-account <file>',
      "the service account's key, a JSON file of the Google console",
    );
}

/**
 * @param use gets the stream of the project that the service account belongs to
 * @throws {Failure} with what to do, whatever Google answers
 */
export async function withRiscStream<T>(
  { serviceAccount }: ServiceAccountOption,
  use: (open: OpenStream) => Promise<T>,
): Promise<T> {
  const { key } = await readServiceAccountFile(serviceAccount);
  const settings = await readClientSettings(process.env);
  if (settings.google === null)
    throw faultyConfiguration(['GOOGLE_STAND_IN_URL, GOOGLE_TIMEOUT_MS, HTTPS_PROXY or HTTP_PROXY is wrong']);
  const { RiscStream } = await import('../../google/risc/risc-stream.js');
  try {
    return await use({
      stream: new RiscStream(key, settings.google),
      projectId: key.projectId,
      settings,
    });
  } catch (error) {
    // Known by name, not by class: importing the class would load its room at every start.
    if (!(error instanceof Error) || error.name !== 'GoogleFailure') throw error;
    throw explainRiscFailure(error as GoogleFailure, key);
  }
}
