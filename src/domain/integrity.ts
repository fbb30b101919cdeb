import { BrokerError } from './errors.js';

/** For the caller, who can do nothing about it; what it is about stands in the log. */
export function integrityFailed(): BrokerError {
  return new BrokerError(
    'integrity_failed',
    'What is stored of this grant is not as the broker wrote it, so it is not used. Tell the operator: the log of the broker ' +
      'says which value and why.',
    { who_must_act: 'operator' },
  );
}
