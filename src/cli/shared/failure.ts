import { ConfigurationError } from '../../config/configuration-files.js';
import { BrokerError } from '../../domain/errors.js';
import { KmsFailure } from '../../domain/google/google-failure.js';

/**
 * Exit codes, for shell scripts. 69 and 78 are EX_UNAVAILABLE and EX_CONFIG of sysexits.h; 10 to 19 are about
 * a client's file and a user's consent, each for one thing that can go wrong there.
 */
export const EXIT = {
  done: 0,
  unexpected: 1,
  wrongUsage: 2,
  refused: 3,
  notFound: 4,
  consentRefused: 10,
  wrongState: 11,
  portInUse: 12,
  fileMissing: 13,
  fileBroken: 14,
  fileOfWrongKind: 15,
  noLocalRedirectUri: 16,
  timedOut: 17,
  consentInPart: 18,
  wrongAccount: 19,
  unavailable: 69,
  faultyConfiguration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command failed for a reason that its user can act on. */
export class Failure extends Error {
  override readonly name = 'Failure';

  /**
   * @param code stable, for scripts that read --json
   * @param message what happened and what to do next; never a secret
   * @param faults each fault, where there are several
   */
  constructor(
    readonly exitCode: ExitCode,
    readonly code: string,
    message: string,
    readonly faults: readonly string[] = [],
  ) {
    super(message);
  }
}

/** All faults of the configuration at once. Names of settings, never values. */
export function faultyConfiguration(faults: readonly string[]): Failure {
  return new Failure(
    EXIT.faultyConfiguration,
    'configuration_faulty',
    [
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:`,
      ...faults.map((fault) => `  - ${fault}`),
      'See docs/configuration.md for every setting.',
    ].join('\n'),
    faults,
  );
}

/** @param command its name, for the line that points to its help; null leaves that line out */
export function wrongUsage(what: string, command: string | null = null): Failure {
  return new Failure(
    EXIT.wrongUsage,
    'wrong_usage',
    `Wrong usage: ${what}${command === null ? '' : `\nSee \`${command} --help\`.`}`,
  );
}

/** A refusal that names fields is about the command line. */
export function asWrongUsage(error: unknown): never {
  throw error instanceof BrokerError ? wrongUsage(error.detail) : error;
}

/** Makes a Failure of whatever a command threw. An error that is not foreseen keeps its stack trace. */
export async function toFailure(error: unknown): Promise<Failure> {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigurationError) return faultyConfiguration(error.faults);
  if (error instanceof BrokerError) return new Failure(EXIT.refused, error.code, error.detail);
  if (error instanceof KmsFailure) {
    return error.isTransient
      ? new Failure(EXIT.unavailable, 'kms_unavailable', error.message)
      : new Failure(EXIT.refused, 'kms_refused', error.message);
  }
  // Loads Prisma's client.
  const [{ databaseFault }, { hostsTried }] = await Promise.all([
    import('../../token-store/client/database-error.js'),
    import('../../token-store/client/choose-host.js'),
  ]);
  const fault = databaseFault(error);
  const tried = hostsTried(error);
  const where = tried === null ? '' : ` Tried ${tried}.`;
  if (fault) return new Failure(EXIT.unavailable, fault.code, `${fault.message}${where}`);
  const what = error instanceof Error ? (error.stack ?? error.message) : 'The thrown value is not an Error.';
  return new Failure(
    EXIT.unexpected,
    'unexpected',
    `This should not have happened. Please report it.\n${what}`,
  );
}
