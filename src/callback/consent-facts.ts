import { causeFacts, endOf } from '../domain/connect-end.js';
import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { AuditFacts } from '../http/audited.js';

/** How a connect ended, for the audit trail. */
export function consentFacts(outcome: ConnectOutcome): AuditFacts {
  const cause = causeFacts(endOf(outcome, null, ''));
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing, unrequested } = outcome;
      const details = {
        account: account.sub,
        scopes,
        missing_scopes: missing,
        ...unrequestedFact(unrequested),
        ...cause,
      };
      return { grantId, outcome: missing.length > 0 ? 'partial' : 'ok', details };
    }
    case 'failed':
      return { outcome: outcome.code, details: cause };
    default:
      return { outcome: outcome.kind, details: cause };
  }
}

/** What Google gave beyond what was asked: worth a look, and kept from every caller. */
export function unrequestedFact(scopes: readonly string[]) {
  return scopes.length === 0 ? {} : { unrequested_scopes: scopes };
}
