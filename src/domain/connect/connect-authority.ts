import { assertAllowed, assertMay, type Service } from '../access/policy.js';
import { BrokerError } from '../errors.js';
import { type ConnectRequest, OPERATOR } from './connect-request.js';

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
    assertAllowed(service, connectRequest.userId, connectRequest.client, connectRequest.scopes);
    if (connectRequest.force) assertMay(service, 'force');
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
