import { Command } from 'commander';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { explainFailure } from '../../domain/google/oauth-failures.js';
import { explainRiscFailure } from '../../domain/google/risc-failures.js';
import type { RiscStream } from '../../google/risc/risc-stream.js';
import type { ServiceAccountKey } from '../../google/service-account-key.js';
import { type ClientSettings, googleAccessOf, readClientSettings } from '../shared/client-settings.js';
import { EXIT, Failure } from '../shared/failure.js';
import { readServiceAccountFile } from '../shared/files.js';

export interface ServiceAccountOption {
  readonly serviceAccount: string;
}

export interface OpenStream {
  readonly stream: RiscStream;
  readonly projectId: string;
  readonly settings: ClientSettings;
}

/** A command of the group `risc`: each needs the service account. */
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
 * @throws {Failure} for every error of Google's, with the remedy
 */
export async function withRiscStream<T>(
  { serviceAccount }: ServiceAccountOption,
  use: (open: OpenStream) => Promise<T>,
): Promise<T> {
  const { key } = await readServiceAccountFile(serviceAccount);
  const settings = await readClientSettings(process.env);
  const google = googleAccessOf(settings);
  const { RiscStream } = await import('../../google/risc/risc-stream.js');
  try {
    return await use({
      stream: new RiscStream(key, google),
      projectId: key.projectId,
      settings,
    });
  } catch (error) {
    throw error instanceof GoogleFailure ? failureOf(error, key) : error;
  }
}

function failureOf(failure: GoogleFailure, account: ServiceAccountKey): Failure {
  const said = failure.description ? ` Google said: ${failure.description}` : '';
  if (failure.kind === 'unavailable') {
    const { meaning, remedy } = explainFailure(failure, 'refresh');
    return new Failure(
      EXIT.unavailable,
      'google_unavailable',
      `${meaning} Nothing is known to have changed. ${remedy} (${failure.error})${said}`,
    );
  }
  const { cause, detail } = explainRiscFailure(failure, account);
  const exitCode = failure.error === 'http_404' ? EXIT.notFound : EXIT.refused;
  return new Failure(exitCode, cause, `${detail}${said}`);
}
