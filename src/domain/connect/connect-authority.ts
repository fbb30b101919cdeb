import { assertAllowed, assertMay, type Service } from '../access/policy.js';
import { BrokerError } from '../errors.js';
import { ANY_CLIENT, type ConnectRequest, OPERATOR } from './connect-request.js';

/**
 * Whether the policy allows what a ticket asks for.
 * @throws {BrokerError} `not_allowed`, naming what was too much
 */
export function assertMayRequest(
  service: Service,
  { purpose, userId, client, scopes, force }: ConnectRequest,
): void {
  const isOfAllClients = purpose === 'manage' && client === ANY_CLIENT;
  assertAllowed(service, userId, isOfAllClients ? (service.policy.clients[0] ?? '') : client, scopes);
  if (force) assertMay(service, 'force');
}

/**
 * A connect depends on the authority of the service that requested it, from its link to the grant.
 * @param service as it is now; null when it was revoked
 * @returns why it must not continue, in words for a user; null where it may
 */
export function authorityEnded(connectRequest: ConnectRequest, service: Service | null): BrokerError | null {
  if (connectRequest.serviceId === OPERATOR.serviceId) return null;
  if (!service) {
    return new BrokerError(
      'not_allowed',
      `${connectRequest.serviceName} may not connect Google accounts here any more. Nothing was stored. If you still need this, ` +
        'ask the people who run the app.',
      { reason: 'service_revoked' },
    );
  }
  try {
    assertMayRequest(service, connectRequest);
    return null;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return new BrokerError(
      'not_allowed',
      `${connectRequest.serviceName} may not ask for this any more. Nothing was stored. If you still need this, ask the people ` +
        'who run the app.',
      { reason: 'policy_changed' },
    );
  }
}
