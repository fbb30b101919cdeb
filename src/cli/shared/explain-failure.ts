import type { ConfigurationError } from '../../config/configuration-error.js';
import type { BrokerError } from '../../domain/errors.js';
import { databaseFault } from '../../token-store/client/database-error.js';
import { EXIT, Failure, faultyConfiguration } from './failure.js';

/** Turns whatever a command threw into words for its user. What is not foreseen keeps its stack trace. */
export function explainFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  // Known by name, not by class: importing the classes would load their rooms at every start.
  if (isNamed<ConfigurationError>(error, 'ConfigurationError')) return faultyConfiguration(error.faults);
  if (isNamed<BrokerError>(error, 'BrokerError')) return new Failure(EXIT.refused, error.code, error.detail);
  const fault = databaseFault(error);
  if (fault) return new Failure(EXIT.unavailable, fault.code, fault.message);
  const what =
    error instanceof Error ? (error.stack ?? error.message) : 'Something was thrown that is no Error.';
  return new Failure(
    EXIT.unexpected,
    'unexpected',
    `This should not have happened. Please report it.\n${what}`,
  );
}

function isNamed<T extends Error>(error: unknown, name: T['name']): error is T {
  return error instanceof Error && error.name === name;
}
