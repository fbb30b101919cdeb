import type { RequiredAccount } from '../domain/connect/connect-request.js';
import { Page, renderPage } from './page.js';
import { ScopeList } from './scope-list.js';

interface ConnectPageFacts {
  readonly serviceName: string;
  readonly userId: string;
  readonly scopes: readonly string[];
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  readonly ticket: string;
}

/** Shown before Google's consent screen: who asks, for which user, for what. Nothing happens until the button. */
export function connectPage({
  serviceName,
  userId,
  scopes,
  accountHint,
  requireAccount,
  ticket,
}: ConnectPageFacts): string {
  const account = accountWords(requireAccount) ?? accountHint;
  return renderPage(
    <Page title="Connect your Google account">
      <p>
        <strong>{serviceName}</strong> asks to use your Google account. You choose the account and what to
        allow on the next page, which is Google's.
      </p>
      <dl>
        <dt>App</dt>
        <dd>{serviceName}</dd>
        <dt>Your user there</dt>
        <dd>{userId}</dd>
        {account === null ? null : (
          <>
            <dt>Google account</dt>
            <dd>{account}</dd>
          </>
        )}
      </dl>
      <h2>It asks to</h2>
      <ScopeList scopes={scopes} />
      <p class="soft">
        It gets no more than this and what you allowed it before. It also learns which account you chose.
      </p>
      <form method="post" action="/connect" class="actions">
        <input type="hidden" name="ticket" value={ticket} />
        <button type="submit">Continue to Google</button>
        <button type="submit" name="cancel" value="yes" class="quiet">
          Cancel
        </button>
      </form>
      <p class="soft">Not {userId}, or did you not ask for this? Cancel; nothing has happened yet.</p>
    </Page>,
  );
}

/** The account that the user must choose; null where any is accepted, or where only its `sub` is known. */
function accountWords(required: RequiredAccount | null): string | null {
  if (required?.email !== undefined) return `${required.email}, and no other`;
  return required?.hd === undefined ? null : `one of ${required.hd}, and no other`;
}
