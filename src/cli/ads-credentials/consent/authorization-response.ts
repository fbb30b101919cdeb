import { authorizationResponseFailure } from '../../../domain/google/authorization-failures.js';
import { Secret } from '../../../domain/secret.js';
import { EXIT, Failure } from '../../shared/failure.js';

/** What Google redirects the browser back with (RFC 6749 section 4.1.2). */
export interface LoopbackAuthorizationResponse {
  readonly state: Secret;
  readonly code: Secret | null;
  readonly error: string | null;
  readonly errorSubtype: string | null;
  readonly iss: string | null;
}

/** @throws {Failure} for a response without a state or with a repeated parameter (RFC 6749 section 3.1) */
export function readAuthorizationResponse(query: URLSearchParams): LoopbackAuthorizationResponse {
  const single = (name: string) => {
    const values = query.getAll(name);
    if (values.length > 1) throw wrongState();
    return values[0] || null;
  };
  const [state, code, error, iss] = ['state', 'code', 'error', 'iss'].map(single) as [
    string | null,
    ...(string | null)[],
  ];
  if (state === null) throw wrongState();
  return {
    state: new Secret(state),
    code: code ? new Secret(code) : null,
    // Anyone can put text into a link; only what looks like an error code (RFC 6749 section 4.1.2.1) is shown.
    error: error ? (/^[a-z_]{1,64}$/.test(error) ? error : 'unknown_error') : null,
    errorSubtype: null,
    iss: iss ?? null,
  };
}

/** RFC 6749 section 10.12, RFC 9207 section 2.4. */
export function wrongState(): Failure {
  return new Failure(
    EXIT.wrongState,
    'wrong_state',
    'A browser came back with a response to another request: its state is wrong. It was ignored. ' +
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

/** By the row of Google's error; null: there was none. */
export function withoutCode(error: string | null): Failure {
  const row = authorizationResponseFailure(error);
  if (row.kind === 'denied') return consentRefused();
  const nextStep =
    row.whoMustAct === 'user' ? 'Run the command again; docs/google-errors.md says more.' : row.remedy;
  return new Failure(EXIT.refused, 'google_refused', `${row.meaning} (${error ?? 'no code'}) ${nextStep}`);
}
