import type { StandInAccount, StandInClient } from '../google.js';
import { Avatar, renderPage } from './page.js';

interface Choice {
  client: StandInClient;
  accounts: StandInAccount[];
  /** The authorization request, which travels on in the form's address. */
  search: string;
}

export const chooseAccountPage = ({ client, accounts, search }: Choice): string =>
  renderPage(
    'Choose an account',
    <>
      <h1>Choose an account</h1>
      <p>
        to continue to <strong>{client.appName ?? client.clientId}</strong>
      </p>
      <form method="post" action={`/o/oauth2/v2/auth/account${search}`}>
        <ul>
          {accounts.map(({ sub, email, name }) => (
            <li key={sub}>
              <button class="row" name="account" value={sub}>
                <Avatar name={name} />
                <span>
                  {name}
                  <br />
                  <small>{email}</small>
                </span>
              </button>
            </li>
          ))}
        </ul>
      </form>
      {accounts.length === 0 && <p>No account fits this request.</p>}
    </>,
  );
