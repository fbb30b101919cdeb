import { Page, renderPage } from './page.js';
import { ScopeList } from './scope-list.js';

/** The outcome of a consent for the command line. */
export type CredentialsOutcome =
  | { readonly kind: 'done'; readonly account: string }
  | { readonly kind: 'in_part'; readonly account: string; readonly missing: readonly string[] }
  | { readonly kind: 'denied' }
  | { readonly kind: 'failed'; readonly detail: string }
  /** The address was opened by hand, or again after the end. */
  | { readonly kind: 'waiting' | 'over' };

/** What the browser shows when Google redirects it to the command line. Never a token: the terminal prints that. */
export function credentialsPage(outcome: CredentialsOutcome): string {
  return renderPage(pageOf(outcome));
}

function pageOf(outcome: CredentialsOutcome) {
  switch (outcome.kind) {
    case 'done':
      return (
        <Page title="Done" mood="good">
          <p>
            <strong>{outcome.account}</strong> gave its permission. Go back to the terminal; you can close
            this page.
          </p>
        </Page>
      );
    case 'in_part':
      return (
        <Page title="Done in part" mood="warn">
          <p>
            <strong>{outcome.account}</strong> gave some of the permission. Go back to the terminal; it says
            what to do next.
          </p>
          <h2>You did not allow it to</h2>
          <ScopeList scopes={outcome.missing} />
        </Page>
      );
    case 'denied':
      return (
        <Page title="Not allowed" mood="warn">
          <p>You did not give the permission. Go back to the terminal; it says what to do next.</p>
        </Page>
      );
    case 'failed':
      return (
        <Page title="That did not work" mood="bad">
          <p>{outcome.detail}</p>
          <p>Go back to the terminal; it says more.</p>
        </Page>
      );
    case 'waiting':
      return (
        <Page title="Waiting for Google">
          <p>Open the address that the terminal shows. Google then brings you back here.</p>
        </Page>
      );
    case 'over':
      return (
        <Page title="This was finished already">
          <p>Go back to the terminal.</p>
        </Page>
      );
  }
}
