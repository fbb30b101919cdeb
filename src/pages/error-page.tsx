import { Page, renderPage } from './page.js';

interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly reason?: unknown;
}

/** What a person sees instead of "The request is malformed", which is about software. */
const BY_REASON: ReadonlyMap<unknown, string> = new Map([
  ['ticket_used', 'This link was used already'],
  ['ticket_expired', 'This link is too old'],
  ['ticket_invalid', 'This link does not work'],
  ['state_used', 'This connect was finished already'],
  ['state_expired', 'This connect took too long'],
  ['state_unknown', 'This page cannot be opened by itself'],
  ['service_revoked', 'This link is no longer valid'],
  ['policy_changed', 'This link is no longer valid'],
  ['other_browser', 'Please start again in this browser'],
]);

/** A problem, for a person. */
export function errorPage({ status, title, code, detail, request_id, reason }: ErrorFacts): string {
  return renderPage(
    <Page title={BY_REASON.get(reason) ?? title} mood="bad">
      <p>{detail}</p>
      <p class="soft">
        Error {status} <code>{code}</code>, request <code>{request_id}</code>
      </p>
    </Page>,
  );
}
