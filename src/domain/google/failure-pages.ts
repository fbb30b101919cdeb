/**
 * What a page says to a user whose connect a failure of Google ended, in English, by the `page` of the failure's row. The
 * other languages have the same keys (pages/messages/problems.*.ts): a text that is missing or surplus fails the build.
 * Does not own the texts for operators and developers: these are the rows themselves.
 */
import type { AUTHORIZATION_RESPONSE_FAILURES, NO_REFRESH_TOKEN } from './authorization-failures.js';
import type { LOCAL_FAILURES } from './local-failures.js';
import type { TOKEN_ENDPOINT_FAILURES } from './oauth-failures.js';

type Row =
  | (typeof TOKEN_ENDPOINT_FAILURES)[number]
  | (typeof LOCAL_FAILURES)[number]
  | (typeof AUTHORIZATION_RESPONSE_FAILURES)[number]
  | typeof NO_REFRESH_TOKEN;

export type FailurePage = Extract<Row, { readonly page: string }>['page'];

/** For a user, where the operator or the developer must act. */
export const ASK_OPERATOR = 'You cannot correct this: ask the people who run the app.';

export const FAILURE_PAGES: Readonly<Record<FailurePage, string>> = {
  google_unavailable: 'Google took too long to answer. Your account is fine: try again.',
  client_misconfigured: `Google refuses this app at the moment. Nothing was stored. ${ASK_OPERATOR}`,
  org_internal:
    'Only accounts of the organization that this app belongs to may use it. Choose an account of that organization.',
  policy_rejected:
    'Your Google Workspace administrator has not approved this app, or a permission that it asks for. Ask for the approval.',
  code_rejected: 'Google rejected the sign-in code. It may have been used already. Start again in the app.',
  scope_rejected: `Google does not know a permission that was asked for. Nothing was stored. ${ASK_OPERATOR}`,
  no_refresh_token: 'Google granted only temporary access. Nothing was stored; try again.',
  google_refused: 'Google sent you back without a permission. Nothing was stored; try again.',
};
