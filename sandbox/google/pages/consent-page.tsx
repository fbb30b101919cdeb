import type { StandInAccount, StandInClient } from '../google.js';
import { isGranular, isSignIn, meaningOf } from '../scopes.js';
import { Avatar, renderPage } from './page.js';

interface Consent {
  client: StandInClient;
  account: StandInAccount;
  scopes: string[];
  /** Those of the scopes the project does not have yet. */
  missing: string[];
  /** The authorization request, which travels on in the form's address. */
  search: string;
}

export function consentPage({ client, account, scopes, missing, search }: Consent): string {
  const app = client.appName ?? client.clientId;
  const granular = isGranular(scopes);
  const signInFirst = scopes.toSorted((one, other) => Number(isSignIn(other)) - Number(isSignIn(one)));
  return renderPage(
    `${app} wants access to your Google Account`,
    <>
      <h1>
        <strong>{app}</strong> wants access to your Google Account
      </h1>
      <p class="row account">
        <Avatar name={account.name} />
        <span>
          {account.name}
          <br />
          <small>{account.email}</small>
        </span>
        <a href={otherAccount(search)}>Use another account</a>
      </p>
      <form method="post" action={`/o/oauth2/v2/auth/consent${search}`}>
        <input type="hidden" name="account" value={account.sub} />
        <fieldset>
          <legend>{granular ? `Select what ${app} can access` : `This will allow ${app} to`}</legend>
          <ul>
            {signInFirst.map((scope) => (
              <li key={scope}>
                <ScopeRow
                  scope={scope}
                  canUntick={granular && !isSignIn(scope)}
                  isNew={missing.includes(scope)}
                />
              </li>
            ))}
          </ul>
        </fieldset>
        <p class="soft">
          Make sure you trust {app}. You can see or remove its access in your Google Account at any time.
        </p>
        <div class="choices">
          <button class="quiet" name="decision" value="deny">
            Cancel
          </button>
          <button class="main" name="decision" value="allow">
            Continue
          </button>
        </div>
      </form>
    </>,
  );
}

function ScopeRow({ scope, canUntick, isNew }: { scope: string; canUntick: boolean; isNew: boolean }) {
  const words = (
    <span>
      {meaningOf(scope)}
      {!isNew && <small> (already allowed)</small>}
      <code>{scope}</code>
    </span>
  );
  if (!canUntick) return <div class="row">{words}</div>;
  return (
    <label class="row">
      {words}
      <input type="checkbox" name="scope" value={scope} checked />
    </label>
  );
}

function otherAccount(search: string): string {
  const query = new URLSearchParams(search);
  const prompts = new Set((query.get('prompt') ?? '').split(' ').filter(Boolean));
  query.set('prompt', [...prompts.add('select_account')].join(' '));
  return `/o/oauth2/v2/auth?${query.toString()}`;
}
