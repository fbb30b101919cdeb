import { invalidRequest } from '../domain/errors.js';
import type { ServicesRepository } from '../token-store/services/services.repository.js';

/**
 * The id of the service that a filter names, one that the broker refuses, too.
 * @throws {BrokerError} `invalid_request`
 */
export async function serviceIdOf(
  services: ServicesRepository,
  idOrName: string | null,
): Promise<string | null> {
  if (idOrName === null) return null;
  const service = await services.findNamed(idOrName);
  if (service) return service.id;
  throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
}
