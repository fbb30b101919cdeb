/** Why a link is refused, in words for its user, and the address that leads back to the app. Does not own when (connect-tickets.service.ts). */
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError } from '../domain/errors.js';

/** In another browser than the one that began. */
export function ticketUsed(): BrokerError {
  return new BrokerError(
    'invalid_request',
    'This link was opened in another browser, and works only there. Continue in that browser, or go back to the app you came ' +
      'from and start again here.',
    { reason: 'ticket_used' },
  );
}

export function ticketInvalid(): BrokerError {
  return ticketRefused('ticket_invalid', 'This link is damaged or incomplete.');
}

export function ticketExpired(connectRequest: ConnectRequest): BrokerError {
  const back = backToApp(connectRequest, { kind: 'expired', cause: 'ticket_expired' });
  return ticketRefused('ticket_expired', 'This link is older than 30 minutes.', back);
}

function ticketRefused(reason: string, what: string, extensions = {}): BrokerError {
  const detail = `${what} Go back to the app you came from and start again there.`;
  return new BrokerError('invalid_request', detail, { reason, ...extensions });
}

/** Where the page of a refusal leads. */
export function backToApp({ purpose, returnTo }: ConnectRequest, outcome: ConnectOutcome) {
  if (returnTo === null) return {};
  return { return_to: purpose === 'manage' ? returnTo : returnAddress(returnTo, outcome) };
}
