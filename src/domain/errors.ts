/**
 * Every refusal of the broker, by its stable code. Its HTTP status and title are in the table of
 * http/problem/problem-table.ts.
 */
export type BrokerErrorCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'not_allowed'
  | 'insufficient_scope'
  | 'no_ads_access'
  | 'not_connected'
  | 'not_found'
  | 'method_not_allowed'
  | 'ambiguous_account'
  | 'reconnect_required'
  | 'slots_full'
  | 'rate_limited'
  | 'integrity_failed'
  | 'client_misconfigured'
  | 'google_unavailable'
  | 'cell_unavailable'
  | 'issuer_unavailable'
  | 'database_unavailable'
  | 'clock_skewed';

/** A refusal that the caller can act on. `detail` and `extensions` are shown as they are: no secret goes in. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';

  /**
   * @param detail what happened and what to do next, in one or two plain sentences
   * @param extensions extra members of the problem (RFC 9457 section 3.2), such as `missing_scopes` or `connect_url`
   */
  constructor(
    readonly code: BrokerErrorCode,
    readonly detail: string,
    readonly extensions: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${code}: ${detail}`);
  }
}

/** Bad input, named field by field. */
export function invalidRequest(errors: Readonly<Record<string, string>>): BrokerError {
  const fields = Object.entries(errors).map(([field, message]) => `${field}: ${message}`);
  return new BrokerError('invalid_request', fields.join(' '), { errors });
}

/** Also for one that the caller may not see. */
export function noSuchGrant(): BrokerError {
  return new BrokerError('not_found', 'There is no such grant; it may have been disconnected.');
}

/** For the caller, who cannot remedy it; the log says what it is about. */
export function integrityFailed(): BrokerError {
  return new BrokerError(
    'integrity_failed',
    'The stored grant is not as the broker wrote it, so it is not used. Inform the operator: the log of the broker ' +
      'says which value and why.',
    { who_must_act: 'operator' },
  );
}
