import { Command } from 'commander';
import { GoogleFailure } from '../../domain/google/google-failure.js';
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
    throw error instanceof GoogleFailure ? explainRiscFailure(error, key) : error;
  }
}

type Advice = (account: ServiceAccountKey) => string;

/** By Google's message: https://developers.google.com/identity/protocols/risc#error_codes */
const ADVICE: readonly (readonly [RegExp, string, Advice])[] = [
  [
    /has not been used|is disabled|SERVICE_DISABLED/i,
    'risc_api_disabled',
    ({ projectId }) =>
      `The RISC API is not enabled in the project ${projectId}. Read its terms and enable it: ` +
      `https://console.developers.google.com/apis/library/risc.googleapis.com?project=${projectId}`,
  ],
  [
    /needs permission|permission/i,
    'risc_role_missing',
    ({ email, projectId }) =>
      `The service account ${email} may not set up the stream of the project ${projectId}. Give it the role ` +
      '"RISC Configuration Admin" (roles/riscconfigs.admin) under IAM in the Google console.',
  ],
  [
    /project's domains/i,
    'risc_foreign_domain',
    () =>
      "Google delivers only to the project's own domains. Add the domain of --url to the authorized domains " +
      '(Google Auth Platform, Branding) in the Google console.',
  ],
  [
    /HTTPS/i,
    'risc_not_https',
    () => 'Google delivers to https addresses only. Name the https address of the broker with --url.',
  ],
  [
    /spec-compliant delivery method/i,
    'risc_taken_by_firebase',
    () =>
      "Firebase manages this project's stream. Switch off Google sign-in in Firebase, and try in an hour.",
  ],
  [
    /no (existing )?RISC configuration/i,
    'risc_not_configured',
    () => 'The project has no stream of security events yet. Create one with `token-broker risc configure`.',
  ],
];

/** @returns what Google's RISC API refused, with the remedy */
function explainRiscFailure(failure: GoogleFailure, account: ServiceAccountKey): Failure {
  const said = failure.description ? ` Google said: ${failure.description}` : '';
  if (failure.kind === 'unavailable') {
    return new Failure(
      EXIT.unavailable,
      'google_unavailable',
      `Google gave no answer (${failure.error}). Nothing is known to have changed; try again.${said}`,
    );
  }
  if (failure.error === 'http_401') {
    return new Failure(
      EXIT.refused,
      'service_account_refused',
      `Google does not accept the key of ${account.email}. It may be deleted, or this machine's clock is wrong. ` +
        `Create a new key in the Google console.${said}`,
    );
  }
  const [, code, advice] = ADVICE.find(([message]) => message.test(failure.description)) ?? [];
  const exitCode = failure.error === 'http_404' ? EXIT.notFound : EXIT.refused;
  return code !== undefined && advice !== undefined
    ? new Failure(exitCode, code, `${advice(account)}${said}`)
    : new Failure(exitCode, 'risc_refused', `Google refuses this (${failure.error}).${said}`);
}
