import type { Diagnosis, Grant } from '../grant/grant.js';
import { DEAD_GRANTS } from './dead-grants.js';
import { type FailureRow, findFailure, type GoogleFailure, withValues } from './google-failure.js';
import { scopeSet } from './scopes.js';

/** Of the given scopes, those of YouTube Analytics: Google's guide says that its API takes no service accounts. */
export function youTubeAnalyticsScopes(scopes: readonly string[]): string[] {
  return scopeSet(scopes).filter((scope) => scope.startsWith('https://www.googleapis.com/auth/yt-analytics'));
}

/** Which service account it is, for whom it acts, and with which scopes. */
export type ServiceAccountAccess = Pick<Grant, 'account' | 'subject' | 'grantedScopes'>;

/** Why Google issues no token to a service account, and who can remedy that. */
export interface ServiceAccountFault {
  readonly cause: string;
  readonly whoMustAct: Diagnosis['who_must_act'];
  readonly remedy: string;
}

interface ServiceAccountFailure extends FailureRow<'service_account_rejected'> {
  readonly cause: string;
  readonly whoMustAct: Diagnosis['who_must_act'];
  /** Whether the row is only for access with a subject, or only without one. */
  readonly withSubject?: boolean;
}

const kind = 'service_account_rejected';

/**
 * Failures of an assertion, in the form of oauth-failures.ts; `{subject}`, `{client_id}` and `{scopes}` stand for those of
 * the account. Nothing ends with them: what is refused works again once it is remedied at Google.
 * https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
 */
export const SERVICE_ACCOUNT_FAILURES: readonly ServiceAccountFailure[] = [
  {
    errors: ['unauthorized_client', 'access_denied'],
    shown: 'for a subject',
    withSubject: true,
    kind,
    cause: 'delegation_missing',
    meaning: 'It may not act for {subject}.',
    whoMustAct: 'workspace_admin',
    remedy:
      'The Workspace administrator must allow the client id {client_id} all of its scopes ({scopes}) in the Admin console, ' +
      'under Security, API controls, Domain-wide delegation.',
  },
  {
    errors: ['unauthorized_client', 'access_denied'],
    shown: 'without a subject',
    withSubject: false,
    kind,
    cause: 'scope_not_allowed',
    meaning: 'Google does not give it these scopes for itself ({scopes}).',
    whoMustAct: 'operator',
    remedy: 'Add it again with others, or with --subject, for a user of your Workspace.',
  },
  {
    errors: ['invalid_grant'],
    words: /signature|verifier/i,
    shown: '"Invalid JWT Signature."',
    kind,
    cause: 'key_rejected',
    meaning: 'Its key was deleted or disabled, or is newer than a minute.',
    whoMustAct: 'operator',
    remedy:
      'Make a new key in the Google console and add it with `token-broker service-account add --replace`.',
  },
  {
    errors: ['invalid_grant'],
    words: /account not found/i,
    shown: '"account not found"',
    kind,
    cause: 'service_account_not_found',
    meaning: 'It was deleted, or its project was.',
    whoMustAct: 'operator',
    remedy: 'Restore it in the Google console within 30 days, or add another.',
  },
  {
    errors: ['invalid_grant'],
    words: /iat|timeframe|short-lived/i,
    shown: '"…in a reasonable timeframe…"',
    kind,
    cause: 'clock_wrong',
    meaning: "The clock of the database's machine, which the broker goes by, is wrong.",
    whoMustAct: 'operator',
    remedy: 'Set it by NTP.',
  },
  {
    errors: ['invalid_grant'],
    words: /email|user ID/i,
    shown: '"Not a valid email…"',
    kind,
    cause: 'subject_not_found',
    meaning: 'Google knows no user {subject} in this Workspace.',
    whoMustAct: 'operator',
    remedy: 'Add it again with another --subject.',
  },
  {
    errors: ['invalid_scope'],
    kind,
    cause: 'scope_rejected',
    meaning: 'Google does not know one of its scopes.',
    whoMustAct: 'operator',
    remedy: 'Add it again with the right --scope.',
  },
  {
    errors: ['disabled_client'],
    kind,
    cause: 'service_account_disabled',
    meaning: 'It is disabled.',
    whoMustAct: 'operator',
    remedy: 'Enable it in the Google console.',
  },
  {
    errors: ['admin_policy_enforced'],
    kind,
    cause: 'admin_policy_enforced',
    ...DEAD_GRANTS.admin_policy_enforced,
    remedy: 'The administrator must allow it in the Admin console.',
  },
];

export const UNKNOWN_SERVICE_ACCOUNT_FAILURE: ServiceAccountFailure = {
  errors: [],
  shown: 'any other that is final',
  kind,
  cause: 'service_account_rejected',
  meaning: 'Google refuses it.',
  whoMustAct: 'operator',
  remedy: 'Look at it in the Google console, under IAM and Service Accounts.',
};

export function explainServiceAccountFailure(
  { error, description }: Pick<GoogleFailure, 'error' | 'description'>,
  access: ServiceAccountAccess,
): ServiceAccountFault {
  const rows = SERVICE_ACCOUNT_FAILURES.filter(
    ({ withSubject }) => withSubject === undefined || withSubject === (access.subject !== null),
  );
  const facts = { error, description, subtype: null };
  const { cause, whoMustAct, ...row } = findFailure(rows, facts) ?? UNKNOWN_SERVICE_ACCOUNT_FAILURE;
  const remedy = withValues(`${row.meaning} ${row.remedy}`, {
    subject: access.subject ?? '',
    client_id: access.account.sub,
    scopes: access.grantedScopes.join(' '),
  });
  return { cause, whoMustAct, remedy };
}
