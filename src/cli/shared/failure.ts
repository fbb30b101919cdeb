/**
 * What a shell script can tell apart. 69 and 78 are EX_UNAVAILABLE and EX_CONFIG of sysexits.h; 10 to 18 are about
 * a client's file and a user's consent, each for one thing that can go wrong there.
 */
export const EXIT = {
  done: 0,
  unexpected: 1,
  wrongUsage: 2,
  refused: 3,
  notFound: 4,
  consentRefused: 10,
  wrongReturn: 11,
  portInUse: 12,
  fileMissing: 13,
  fileBroken: 14,
  fileOfWrongKind: 15,
  noLocalRedirectUri: 16,
  timedOut: 17,
  consentInPart: 18,
  unavailable: 69,
  faultyConfiguration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command that could not do its work, for a reason its user can act on. */
export class Failure extends Error {
  override readonly name = 'Failure';

  /**
   * @param code stable, for scripts that read --json
   * @param message what happened and what to do next; never a secret
   * @param faults the single faults, where there are several
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
