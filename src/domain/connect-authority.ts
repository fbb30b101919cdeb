import { OPERATOR, type ConnectWish } from './connect-wish.js';
import { BrokerError } from './errors.js';
import { assertMay, demandAllowed, type Service } from './policy.js';

/**
 * A connect lives on the authority of the service that asked for it, from its link to the grant.
 * @param service as it is now; null when it was revoked
 * @returns why it may not go on, in words for a user; null where it may
 */
export function authorityEnded(wish: ConnectWish, service: Service | null): BrokerError | null {
  if (wish.serviceId === OPERATOR.serviceId) return null;
  if (!service) {
    return new BrokerError(
      'not_allowed',
      `${wish.serviceName} may not connect Google accounts here any more. Nothing was stored. If you still need this, ` +
        'ask the people who run the app.',
      { reason: 'service_revoked' },
    );
  }
  try {
    demandAllowed(service, wish.userId, wish.client, wish.scopes);
    if (wish.force) assertMay(service, 'force');
    return null;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return new BrokerError(
      'not_allowed',
      `${wish.serviceName} may not ask for this any more. Nothing was stored. If you still need this, ask the people ` +
        'who run the app.',
      { reason: 'policy_changed' },
    );
  }
}
