import type { ConnectOutcome } from '../domain/connect-outcome.js';
import type { AuditFacts } from '../http/audited.js';

/** How a connect ended, for the audit trail. */
export function consentFacts(outcome: ConnectOutcome): AuditFacts {
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing } = outcome;
      const details = { account: account.sub, scopes, missing_scopes: missing };
      return { grantId, outcome: missing.length > 0 ? 'partial' : 'ok', details };
    }
    case 'failed':
      return { outcome: outcome.code };
    default:
      return { outcome: outcome.kind };
  }
}
