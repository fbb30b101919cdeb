import type { Locale } from './locale.js';
import { connectMessagesOf } from './messages/messages.js';
import { Name, Page, renderPage } from './page.js';
import { ScopeList } from './scope-list.js';

/** The outcome of a consent for the command line. */
export type CredentialsOutcome =
  | { readonly kind: 'done'; readonly account: string }
  | { readonly kind: 'in_part'; readonly account: string; readonly missing: readonly string[] }
  | { readonly kind: 'denied' }
  /** The detail is what the terminal prints, in English. */
  | { readonly kind: 'failed'; readonly detail: string }
  /** The address was opened by hand, or again after the end. */
  | { readonly kind: 'waiting' | 'over' };

/** What the browser shows when Google redirects it to the command line. Never a token: the terminal prints that. */
export function credentialsPage(locale: Locale, outcome: CredentialsOutcome): string {
  return renderPage(pageOf(locale, outcome));
}

function pageOf(locale: Locale, outcome: CredentialsOutcome) {
  const { credentials, result } = connectMessagesOf(locale);
  const context = { locale, app: null, backUrl: null };
  switch (outcome.kind) {
    case 'done':
      return (
        <Page context={context} title={credentials.done} mood="good">
          <p>{credentials.doneBody(<Name>{outcome.account}</Name>)}</p>
        </Page>
      );
    case 'in_part':
      return (
        <Page context={context} title={credentials.partial} mood="warn">
          <p>{credentials.partialBody(<Name>{outcome.account}</Name>)}</p>
          <h2>{result.missing}</h2>
          <ScopeList locale={locale} scopes={outcome.missing} isMissing />
        </Page>
      );
    case 'denied':
      return (
        <Page context={context} title={credentials.denied} mood="warn">
          <p>{credentials.deniedBody}</p>
        </Page>
      );
    case 'failed':
      return (
        <Page context={context} title={credentials.failed} mood="bad">
          <p lang="en">{outcome.detail}</p>
          <p>{credentials.failedBody}</p>
        </Page>
      );
    case 'waiting':
      return (
        <Page context={context} title={credentials.waiting}>
          <p>{credentials.waitingBody}</p>
        </Page>
      );
    case 'over':
      return (
        <Page context={context} title={credentials.over}>
          <p>{credentials.overBody}</p>
        </Page>
      );
  }
}
