import { causeOfFailure, causeOfRedirect, googleErrorCode } from '../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { authorizationResponseFailure, NO_REFRESH_TOKEN } from '../domain/google/authorization-failures.js';
import { ASK_OPERATOR } from '../domain/google/failure-pages.js';
import {
  type Actor,
  CONNECT_ERRORS,
  type GoogleFailure,
  isTransient,
} from '../domain/google/google-failure.js';
import { explainExchangeFailure } from '../domain/google/oauth-failures.js';
import type { Account } from '../domain/grant/grant.js';
import type { AuthorizationResponse } from './response-validator.js';

type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/** An authorization response without a code, by the row of its error. */
export function outcomeOfResponse({
  error,
  errorSubtype,
}: Pick<AuthorizationResponse, 'error' | 'errorSubtype'>): ConnectOutcome {
  const row = authorizationResponseFailure(error);
  if (row.kind === 'denied') return { kind: 'denied' };
  return {
    kind: 'failed',
    code: error ?? 'code_missing',
    detail: `${row.meaning} ${row.remedy}`,
    cause: causeOfRedirect(error),
    page: row.page,
    ...(error === null ? {} : { google: { error, subtype: errorSubtype } }),
  };
}

/** A failure of the exchange, by its row. */
export function outcomeOfFailure(failure: GoogleFailure): Failed {
  const { error, subtype } = failure;
  const { meaning, whoMustAct, page } = explainExchangeFailure(failure);
  const nextStep = NEXT_STEPS[isTransient(failure) ? 'none' : whoMustAct];
  return {
    kind: 'failed',
    code: CONNECT_ERRORS[failure.kind],
    detail: `${meaning} ${nextStep} (${googleErrorCode(error)})`,
    cause: causeOfFailure(failure),
    page,
    google: { error, subtype },
  };
}

export const OUTCOME_WITHOUT_REFRESH_TOKEN: Failed = {
  kind: 'failed',
  code: 'no_refresh_token',
  detail: `${NO_REFRESH_TOKEN.meaning} ${NO_REFRESH_TOKEN.remedy}`,
  cause: 'no_refresh_token',
  page: NO_REFRESH_TOKEN.page,
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

/** What the user can do, by who must act. */
const NEXT_STEPS: Readonly<Record<Actor, string>> = {
  user: 'Start again in the app.',
  workspace_admin: 'Ask the administrator to allow it.',
  operator: ASK_OPERATOR,
  developer: ASK_OPERATOR,
  account_admin: 'Ask an administrator of the account.',
  none: 'Nothing is wrong with your account: try again.',
};
