import type { Diagnosis, Grant } from '../grant/grant.js';
import type { GoogleFailure } from './google-failure.js';
import { scopeSet } from './scopes.js';

/** Of the given scopes, those of YouTube Analytics: Google's guide says that its API takes no service accounts. */
export function youTubeAnalyticsScopes(scopes: readonly string[]): string[] {
  return scopeSet(scopes).filter((scope) => scope.startsWith('https://www.googleapis.com/auth/yt-analytics'));
}

/** Who a service account is, for whom it acts, and with which scopes. */
export type ServiceAccountAccess = Pick<Grant, 'account' | 'subject' | 'grantedScopes'>;

/** Why Google gives a service account no token, and who can mend it. */
export interface ServiceAccountFault {
  readonly cause: string;
  readonly whoMustAct: Diagnosis['who_must_act'];
  readonly mend: string;
}

type Explain = (access: ServiceAccountAccess) => ServiceAccountFault;

/**
 * By Google's `error`, and where one means several things by its words, of which some are only seen.
 * https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
 */
const FAULTS: readonly (readonly [string, RegExp, Explain])[] = [
  [
    'unauthorized_client',
    /./,
    (access) => (access.subject === null ? notAllowed(access) : notDelegated(access)),
  ],
  ['access_denied', /./, (access) => (access.subject === null ? notAllowed(access) : notDelegated(access))],
  [
    'invalid_grant',
    /signature|verifier/i,
    byOperator(
      'key_rejected',
      'Its key was deleted or disabled, or is newer than a minute. Make a new key in the Google console and add it with ' +
        '`token-broker service-account add --replace`.',
    ),
  ],
  [
    'invalid_grant',
    /account not found/i,
    byOperator(
      'service_account_not_found',
      'It was deleted, or its project was. Restore it in the Google console within 30 days, or add another.',
    ),
  ],
  [
    'invalid_grant',
    /iat|timeframe|short-lived/i,
    byOperator(
      'clock_wrong',
      "The clock of the database's machine, which the broker goes by, is wrong. Set it by NTP.",
    ),
  ],
  [
    'invalid_grant',
    /email|user ID/i,
    ({ subject }) => ({
      cause: 'subject_not_found',
      whoMustAct: 'operator',
      mend: `Google knows no user ${subject ?? ''} in this Workspace. Add it again with another --subject.`,
    }),
  ],
  [
    'invalid_scope',
    /./,
    byOperator(
      'scope_rejected',
      'Google does not know one of its scopes. Add it again with the right --scope.',
    ),
  ],
  [
    'disabled_client',
    /./,
    byOperator('service_account_disabled', 'It is disabled. Enable it in the Google console.'),
  ],
  [
    'admin_policy_enforced',
    /./,
    () => ({
      cause: 'admin_policy_enforced',
      whoMustAct: 'workspace_admin',
      mend: "The administrator of the user's Google Workspace does not allow it, or one of its scopes.",
    }),
  ],
];

/** Nothing here ends with it: what was refused works again once it was mended at Google. */
export function explainServiceAccountFailure(
  { error, description }: Pick<GoogleFailure, 'error' | 'description'>,
  access: ServiceAccountAccess,
): ServiceAccountFault {
  const [, , explain] =
    FAULTS.find(([name, words]) => name === error && words.test(description || ' ')) ?? [];
  const unknown = byOperator(
    'service_account_rejected',
    'Look at it in the Google console (IAM, Service Accounts).',
  );
  return (explain ?? unknown)(access);
}

function byOperator(cause: string, mend: string): Explain {
  return () => ({ cause, whoMustAct: 'operator', mend });
}

function notDelegated({ account, subject, grantedScopes }: ServiceAccountAccess): ServiceAccountFault {
  return {
    cause: 'delegation_missing',
    whoMustAct: 'workspace_admin',
    mend:
      `It may not act for ${subject ?? ''}. The Workspace administrator must allow the client id ${account.sub} all of ` +
      `its scopes (${grantedScopes.join(' ')}) in the Admin console, under Security, API controls, Domain-wide delegation.`,
  };
}

function notAllowed({ grantedScopes }: ServiceAccountAccess): ServiceAccountFault {
  return {
    cause: 'scope_not_allowed',
    whoMustAct: 'operator',
    mend:
      `Google does not give it these scopes for itself (${grantedScopes.join(' ')}). Add it again with others, or with ` +
      '--subject, for a user of your Workspace.',
  };
}
