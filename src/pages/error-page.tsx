import { Page, renderPage } from './page.js';

interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly reason?: unknown;
  /** The app's address with the outcome. */
  readonly return_to?: unknown;
  /** One message per field. */
  readonly errors?: unknown;
}

interface Message {
  readonly title?: string;
  readonly detail?: string;
  /** Follows the messages of the fields. */
  readonly nextStep?: string;
}

const START_AGAIN = 'Go back to the app, and start again there.';

/** Titles for a person, by the reason of a refusal: "The request is malformed" is about software. */
const BY_REASON: ReadonlyMap<unknown, Message> = new Map([
  ['ticket_used', { title: 'This link belongs to another browser' }],
  ['ticket_expired', { title: 'This link has expired' }],
  ['ticket_invalid', { title: 'This link does not work' }],
  ['other_site', { title: 'Please open the link yourself' }],
  ['state_unknown', { title: 'This page cannot be opened by itself' }],
  ['state_missing', { title: 'This page cannot be opened by itself', nextStep: START_AGAIN }],
  ['malformed_response', { title: 'This answer cannot be used', nextStep: START_AGAIN }],
  ['wrong_issuer', { title: 'This answer cannot be used' }],
  ['service_revoked', { title: 'This link is no longer valid' }],
  ['policy_changed', { title: 'This link is no longer valid' }],
  ['other_browser', { title: 'Please start again in this browser' }],
]);

/** For problems whose detail is written for developers or operators. */
const BY_CODE: Readonly<Record<string, Message>> = {
  not_found: {
    title: 'There is no such page',
    detail: 'Check the address, or go back to the app that you came from.',
  },
  method_not_allowed: {
    title: 'This page cannot be opened like this',
    detail: 'Open the link that the app gave you.',
  },
  rate_limited: { detail: 'Many requests came from your network. Wait a minute, and try again.' },
  slots_full: { title: 'This Google account is connected too often' },
  database_unavailable: {
    title: 'This service is not available',
    detail: 'Nothing was lost. Try again in a minute; if it persists, contact the people who run the app.',
  },
  internal_error: {
    detail: 'Try again. If it persists, contact the people who run the app, and mention the request below.',
  },
};

/** A problem, for a person. */
export function errorPage({
  status,
  title,
  code,
  detail,
  request_id,
  reason,
  return_to,
  errors,
}: ErrorFacts): string {
  const message = messageFor(reason, errors) ?? BY_CODE[code] ?? {};
  const sentences = sentencesOf(errors);
  return renderPage(
    <Page title={message.title ?? title} mood="bad">
      <p>{sentences ?? message.detail ?? detail}</p>
      {sentences && message.nextStep ? <p>{message.nextStep}</p> : null}
      {typeof return_to === 'string' ? (
        <p class="actions">
          <a class="button" href={return_to}>
            Back to the app
          </a>
        </p>
      ) : null}
      <p class="soft">
        Error {status} <code>{code}</code>, request <code>{request_id}</code>
      </p>
    </Page>,
  );
}

function messageFor(reason: unknown, errors: unknown): Message | undefined {
  const isTicket = Object.keys(errors ?? {}).includes('ticket');
  return BY_REASON.get(reason) ?? (isTicket ? BY_REASON.get('ticket_invalid') : undefined);
}

/** `state: is missing.` becomes a sentence. */
function sentencesOf(errors: unknown): string | undefined {
  const sentences = Object.entries(errors ?? {}).map(([field, message]) => `The ${field} ${String(message)}`);
  return sentences.length > 0 ? sentences.join(' ') : undefined;
}
