import { Page, renderPage } from './page.js';

interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly reason?: unknown;
  /** One message a field. */
  readonly errors?: unknown;
}

/** What a person sees instead of "The request is malformed", which is about software. */
const BY_REASON: ReadonlyMap<unknown, string> = new Map([
  ['ticket_used', 'This link cannot be used again'],
  ['ticket_expired', 'This link has expired'],
  ['ticket_invalid', 'This link does not work'],
  ['other_site', 'Please open the link yourself'],
  ['state_used', 'Nothing is left to do here'],
  ['state_expired', 'This took too long'],
  ['state_unknown', 'This page cannot be opened by itself'],
  ['state_missing', 'This page cannot be opened by itself'],
  ['malformed_response', 'This answer cannot be used'],
  ['wrong_issuer', 'This answer cannot be used'],
  ['service_revoked', 'This link is no longer valid'],
  ['policy_changed', 'This link is no longer valid'],
  ['other_browser', 'Please start again in this browser'],
]);

/** A page that was loaded twice: the connect has succeeded, as a rule. */
const NOT_BAD: ReadonlySet<unknown> = new Set(['state_used']);

/** A problem, for a person. */
export function errorPage({ status, title, code, detail, request_id, reason, errors }: ErrorFacts): string {
  return renderPage(
    <Page title={titleOf(reason, errors) ?? title} mood={NOT_BAD.has(reason) ? 'plain' : 'bad'}>
      <p>{sentencesOf(errors) ?? detail}</p>
      <p class="soft">
        Error {status} <code>{code}</code>, request <code>{request_id}</code>
      </p>
    </Page>,
  );
}

function titleOf(reason: unknown, errors: unknown): string | undefined {
  const isTicket = Object.keys(errors ?? {}).includes('ticket');
  return BY_REASON.get(reason) ?? (isTicket ? BY_REASON.get('ticket_invalid') : undefined);
}

/** `state: is missing.` is for programs. */
function sentencesOf(errors: unknown): string | undefined {
  const sentences = Object.entries(errors ?? {}).map(([field, message]) => `The ${field} ${String(message)}`);
  return sentences.length > 0 ? sentences.join(' ') : undefined;
}
