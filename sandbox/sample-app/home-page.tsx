import type { ComponentChildren } from 'preact';
import type { Grant } from './broker.js';
import { GrantCard } from './grant-card.js';
import type { Notice } from './outcome.js';
import { Page, renderPage } from './page.js';
import { inWords, SCOPES } from './scopes.js';

interface HomeFacts {
  readonly user: string;
  readonly grants: readonly Grant[];
  readonly notice: Notice | null;
  /** Whether a grant was revoked just now: the next API request shows what that means. */
  readonly isRevoked: boolean;
  /** Where Google lists the apps with access to the account. */
  readonly connectionsUrl: string;
}

export function homePage({ user, grants, notice, isRevoked, connectionsUrl }: HomeFacts): string {
  const none = grants.length === 0;
  return renderPage(
    <Page title="Sample app">
      <h1>Sample app</h1>
      <p class="soft">It holds no tokens. It asks the broker for one, over HTTP, with a service key.</p>
      {notice === null ? null : (
        <p class={`notice ${notice.mood}`} role="status">
          {notice.text}
        </p>
      )}

      <h2>
        Google account{grants.length > 1 ? 's' : ''} of <strong>{user}</strong>
      </h2>
      {none ? <p class="card">Not connected.</p> : grants.map((grant) => <GrantCard grant={grant} />)}

      {none ? null : (
        <form method="post" action="/manage">
          <input type="hidden" name="user" value={user} />
          <button class="quiet">See and end what this app holds</button>
        </form>
      )}

      <h2>What you can do</h2>
      <ul class="actions">
        <Action label="Test an API request" path="/report" method="get" user={user}>
          <p>
            Submit an API request and see a formatted JSON response. Go through the authorization flow if
            there are no stored credentials for the user: the broker stores them, this app none.
          </p>
          {isRevoked ? <input type="hidden" name="after" value="revoke" /> : null}
          <p class="fields">
            <select name="kind" aria-label="Report">
              <option value="views">Views, minutes, likes</option>
              <option value="revenue">Revenue</option>
              <option value="ads">Google Ads campaigns</option>
            </select>
            <Choose grants={grants} name="account" of={({ account }) => account.sub} />
          </p>
        </Action>
        <Action label="Test the auth flow directly" path="/connect" method="post" user={user}>
          <p>
            Go directly to the authorization flow: to the broker, from there to Google, and back here. If
            there are stored credentials, you still might not be prompted to reauthorize the application.
          </p>
          {Object.values(SCOPES).map((scope) => (
            <label>
              <input type="checkbox" name="scope" value={scope} checked /> Ask for {inWords(scope)}
            </label>
          ))}
        </Action>
        <Action
          label="Revoke current credentials"
          path="/revoke"
          method="post"
          user={user}
          quiet
          disabled={none}
        >
          <p>
            Revoke the grant at Google, with all that this account gave to this Google project. After revoking
            credentials, if you test an API request, you should see an <code>invalid_grant</code> error, with
            the way back to the auth flow, where Google asks for consent again.
          </p>
          <Choose grants={grants} name="grant" of={({ id }) => id} always />
        </Action>
        <Action label="Clear credentials" path="/clear" method="post" user={user} quiet disabled={none}>
          <p>
            Clear the grant currently stored in the broker, and nothing else: Google still remembers your
            consent. After clearing it, if you test an API request again, you should go back to the auth flow.
          </p>
          <Choose grants={grants} name="grant" of={({ id }) => id} always />
        </Action>
      </ul>

      <p>
        A user can also end the access past this app, in the Google Account: open{' '}
        <a href={connectionsUrl}>its connections</a>, remove the access, come back, and test an API request:
        you should see an <code>invalid_grant</code> error.
      </p>

      <form method="get" action="/" class="switch">
        <label for="user">Act as another user</label>
        <input
          id="user"
          name="user"
          value={user}
          required
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
        />
        <button class="quiet">Switch</button>
      </form>
    </Page>,
  );
}

interface ActionProps {
  readonly label: string;
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly user: string;
  readonly quiet?: boolean;
  readonly disabled?: boolean;
  readonly children: ComponentChildren;
}

function Action({ label, path, method, user, quiet = false, disabled = false, children }: ActionProps) {
  return (
    <li>
      <form method={method} action={path}>
        <input type="hidden" name="user" value={user} />
        <button class={quiet ? 'quiet' : ''} disabled={disabled}>
          {label}
        </button>
        <div>{children}</div>
      </form>
    </li>
  );
}

interface ChooseProps {
  readonly grants: readonly Grant[];
  readonly name: string;
  readonly of: (grant: Grant) => string;
  /** Whether the value is needed even where there is nothing to choose. */
  readonly always?: boolean;
}

function Choose({ grants, name, of, always = false }: ChooseProps) {
  const [only, ...others] = grants;
  if (!only) return null;
  if (others.length === 0) return always ? <input type="hidden" name={name} value={of(only)} /> : null;
  return (
    <select name={name} aria-label="Google account">
      {grants.map((grant) => (
        <option value={of(grant)}>{grant.account.email ?? grant.account.sub}</option>
      ))}
    </select>
  );
}
