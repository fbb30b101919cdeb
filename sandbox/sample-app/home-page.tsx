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
}

export function homePage({ user, grants, notice }: HomeFacts): string {
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

      <h2>What you can do</h2>
      <ul class="actions">
        <Action label="Try an API request" path="/report" method="get" user={user}>
          <p>
            Gets a token from the broker and asks YouTube Analytics. Sends you to Google first where that is
            needed.
          </p>
          <p class="fields">
            <select name="kind" aria-label="Report">
              <option value="views">Views, minutes, likes</option>
              <option value="revenue">Revenue</option>
            </select>
            <Choose grants={grants} name="account" of={({ account }) => account.sub} />
          </p>
        </Action>
        <Action label="Go through the authorization flow" path="/connect" method="post" user={user}>
          <p>Sends you to the broker, from there to Google, and back here.</p>
          {Object.values(SCOPES).map((scope) => (
            <label>
              <input type="checkbox" name="scope" value={scope} checked /> Ask for {inWords(scope)}
            </label>
          ))}
        </Action>
        <Action label="Revoke" path="/revoke" method="post" user={user} quiet disabled={none}>
          <p>Ends the grant at Google, with all that this account gave to this Google project.</p>
          <Choose grants={grants} name="grant" of={({ id }) => id} always />
        </Action>
        <Action label="Clear" path="/clear" method="post" user={user} quiet disabled={none}>
          <p>Only makes the broker forget the grant. Google still remembers your consent.</p>
          <Choose grants={grants} name="grant" of={({ id }) => id} always />
        </Action>
      </ul>

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
