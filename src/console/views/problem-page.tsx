import { Alone, renderConsole } from './layout.js';

/** Titles by the reason of a refusal, then by its code: those of the API speak of services. */
const TITLES: Readonly<Record<string, string>> = {
  not_listed: 'No access to the console',
  email_unverified: 'Your address is not verified',
  no_email: 'Your account has no address',
  access_denied: 'Not signed in',
  sign_in_expired: 'Please sign in again',
  sign_in_rejected: 'That sign-in did not work',
  other_site: 'This form cannot be accepted',
  other_session: 'This form is out of date',
  viewer: 'Your role may not do this',
  not_found: 'There is nothing here',
  issuer_unavailable: 'The sign-in service does not answer',
  database_unavailable: 'The database does not answer',
};
const SIGN_IN = [
  'not_listed',
  'email_unverified',
  'no_email',
  'access_denied',
  'sign_in_expired',
  'sign_in_rejected',
];

interface ProblemFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly reason?: unknown;
}

/** What the console could not do, and the next step. */
export function problemPage({ status, title, code, detail, reason, request_id }: ProblemFacts): string {
  const named = typeof reason === 'string' ? TITLES[reason] : undefined;
  const isSignIn = SIGN_IN.includes(String(reason));
  return renderConsole(
    <Alone title={named ?? TITLES[code] ?? title}>
      <p>{detail}</p>
      {reason === 'not_listed' ? (
        <p class="soft">
          Ask for your address in <code>CONSOLE_VIEWERS</code> or <code>CONSOLE_OPERATORS</code>, or continue
          with another account.
        </p>
      ) : null}
      <a class="button primary" href={isSignIn ? '/console/sign-in' : '/console'}>
        {isSignIn ? 'Sign in again' : 'Go to the overview'}
      </a>
      <p class="soft small">
        Error {status} <code>{code}</code>, request <code>{request_id}</code>
      </p>
    </Alone>,
  );
}
