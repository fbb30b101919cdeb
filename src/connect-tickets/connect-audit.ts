/**
 * What the audit trail says of a connect: whose it is, and how it ended. Owns neither the events (audit/audit.interceptor.ts) nor
 * the causes (domain/connect/).
 */
import { causeFacts, endOf } from '../domain/connect/connect-end.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { ANY_CLIENT, type ConnectRequest } from '../domain/connect/connect-request.js';
import type { AuditFacts } from '../http/audit.decorator.js';
import type { CancelledTicket } from './ticket-progress.js';

/** Whose a ticket is, and what it asks for. */
export function aboutConnect({ purpose, serviceId, userId, client, scopes }: ConnectRequest): AuditFacts {
  if (purpose === 'manage') return { serviceId, userId, client: client === ANY_CLIENT ? null : client };
  return { serviceId, userId, client, details: { asked: scopes } };
}

/** Of a ticket that a service or an operator cancels. */
export function cancelFacts({ isNew, end }: CancelledTicket): AuditFacts {
  return isNew ? { details: causeFacts(end) } : { outcome: 'ended' };
}

/** How a connect ended, for the audit trail. */
export function consentFacts(outcome: ConnectOutcome): AuditFacts {
  const cause = causeFacts(endOf(outcome, null, ''));
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing, unrequested, insteadOf } = outcome;
      const details = {
        account: account.sub,
        scopes,
        missing_scopes: missing,
        ...unrequestedFact(unrequested),
        ...(insteadOf.length === 0 ? {} : { instead_of: insteadOf.map(({ sub }) => sub) }),
        ...cause,
      };
      return { grantId, outcome: missing.length > 0 ? 'partial' : 'ok', details };
    }
    case 'held':
      return { grantId: outcome.grantId, outcome: 'held', details: { account: outcome.account.sub } };
    case 'failed': {
      const account = outcome.account ? { account: outcome.account.sub } : {};
      return { outcome: outcome.code, details: { ...account, ...cause } };
    }
    default:
      return { outcome: outcome.kind, details: cause };
  }
}

/** Scopes that Google gave without a request: for the audit trail only, never for a caller. */
export function unrequestedFact(scopes: readonly string[]) {
  return scopes.length === 0 ? {} : { unrequested_scopes: scopes };
}
