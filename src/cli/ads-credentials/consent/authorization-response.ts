import { Secret } from '../../../domain/secret.js';
import { EXIT, Failure } from '../../shared/failure.js';

/** What Google sent back with the browser. */
export interface GoogleReturn {
  readonly state: Secret;
  readonly code: Secret | null;
  readonly error: string | null;
  readonly errorSubtype: string | null;
  readonly iss: string | null;
}

/** @throws {Failure} for what Google never sends: a return without a state, or with two of something */
export function readReturn(query: URLSearchParams): GoogleReturn {
  const single = (name: string) => {
    const values = query.getAll(name);
    if (values.length > 1) throw wrongReturn();
    return values[0] || null;
  };
  const [state, code, error, iss] = ['state', 'code', 'error', 'iss'].map(single) as [
    string | null,
    ...(string | null)[],
  ];
  if (state === null) throw wrongReturn();
  return {
    state: new Secret(state),
    code: code ? new Secret(code) : null,
    // Anyone can put text into a link; only what looks like an error code (RFC 6749 section 4.1.2.1) is shown.
    error: error ? (/^[a-z_]{1,64}$/.test(error) ? error : 'unknown_error') : null,
    errorSubtype: null,
    iss: iss ?? null,
  };
}

/** RFC 6749 section 10.12, RFC 9207 section 2.4: somebody else's answer is worse than none. */
export function wrongReturn(): Failure {
  return new Failure(
    EXIT.wrongReturn,
    'wrong_state',
    'A browser came back with an answer that was not asked for here: its state is wrong. Nothing was taken from it. ' +
      'Run the command again, and open only the URL that it shows.',
  );
}

export function consentRefused(): Failure {
  return new Failure(
    EXIT.consentRefused,
    'consent_refused',
    'The consent was refused on Google\'s page. Run the command again and choose "Continue" there, with an account that ' +
      'may use this app.',
  );
}

export function refusedByGoogle(error: string): Failure {
  return new Failure(
    EXIT.refused,
    'google_refused',
    `Google sent the browser back without a permission (${error}). docs/google-errors.md says what to do.`,
  );
}
