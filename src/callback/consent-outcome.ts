import { causeOfFailure, googleErrorCode } from '../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { type Actor, type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { explainFailure } from '../domain/google/oauth-failures.js';
import type { Account } from '../domain/grant/grant.js';

type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/** A failure of Google, worded for the user. */
export function outcomeOfFailure(failure: GoogleFailure): Failed {
  const { error, subtype } = failure;
  return {
    kind: 'failed',
    code: failureCode(failure),
    detail: failureDetail(failure),
    cause: causeOfFailure(failure),
    google: { error, subtype },
  };
}

export const NO_REFRESH_TOKEN: Failed = {
  kind: 'failed',
  code: 'no_refresh_token',
  detail: 'Google gave no lasting permission. Nothing was stored; try again.',
  cause: 'no_refresh_token',
};

/** Names both accounts: a user with several needs to know which one to choose. */
export function wrongAccount(
  { serviceName, accountHint, requireAccount }: ConnectRequest,
  account: Account,
): Failed {
  const { email, hd, sub } = requireAccount ?? {};
  const hinted = accountHint?.includes('@') ? accountHint : null;
  const wanted = email ?? (hd === undefined ? (hinted ?? `the account ${sub ?? ''}`) : `an account of ${hd}`);
  return {
    kind: 'failed',
    code: 'wrong_account',
    detail: `You chose ${account.email ?? account.sub}, and ${serviceName} asks for ${wanted}. Nothing was stored.`,
    cause: 'wrong_account',
    account: { sub: account.sub, email: account.email },
  };
}

function failureCode({ kind }: GoogleFailure): string {
  if (kind === 'unavailable' || kind === 'withheld') return 'google_unavailable';
  if (kind === 'client_rejected') return 'client_misconfigured';
  return kind;
}

/** What the user can do, by who must act. */
const NEXT_STEPS: Readonly<Record<Actor, string>> = {
  user: 'Start again in the app.',
  workspace_admin: 'Ask the administrator to allow it.',
  operator: 'You cannot correct this: ask the people who run the app.',
  developer: 'You cannot correct this: ask the people who run the app.',
  account_admin: 'Ask an administrator of the account.',
  none: 'Nothing is wrong with your account: try again.',
};

function failureDetail(failure: GoogleFailure): string {
  const { meaning, whoMustAct } = explainFailure(failure, 'exchange');
  const nextStep = NEXT_STEPS[isTransient(failure) ? 'none' : whoMustAct];
  return `${meaning} ${nextStep} (${googleErrorCode(failure.error)})`;
}
