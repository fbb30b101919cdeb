import type { StandInAccount } from '../google.js';
import { meaningOf } from '../scopes.js';
import { Avatar, renderPage } from './page.js';

export interface Connection {
  projectId: string;
  /** What the consent page calls it. */
  app: string;
  scopes: string[];
}

interface Connections {
  accounts: { account: StandInAccount; connections: Connection[] }[];
  /** The app whose access was removed just now. */
  removed: string | null;
  /** The app that led here, where it is known. */
  back: string | null;
}

export const connectionsPage = ({ accounts, removed, back }: Connections): string =>
  renderPage(
    'Your connections to third-party apps',
    <>
      <h1>Your connections to third-party apps</h1>
      {removed !== null && (
        <p role="status">
          <strong>{removed}</strong> no longer has access. It learns of it with its next refresh, which is
          answered with invalid_grant. Go back to it, and test an API request.
        </p>
      )}
      {back !== null && (
        <p>
          <a href={back}>Back to the app</a>
        </p>
      )}
      {accounts.map(({ account, connections }) => (
        <section key={account.sub}>
          <p class="row account">
            <Avatar name={account.name} />
            <span>
              {account.name}
              <br />
              <small>{account.email}</small>
            </span>
          </p>
          {connections.length === 0 ? (
            <p class="soft">No app has access to this account.</p>
          ) : (
            <ul>
              {connections.map((connection) => (
                <li key={connection.projectId}>
                  <ConnectionRow account={account} connection={connection} back={back} />
                </li>
              ))}
            </ul>
          )}
        </section>
      ))}
    </>,
  );

interface ConnectionRowProps extends Pick<Connections, 'back'> {
  account: StandInAccount;
  connection: Connection;
}

function ConnectionRow({ account, connection, back }: ConnectionRowProps) {
  const { projectId, app, scopes } = connection;
  return (
    <form method="post" action="/connections" class="row">
      <input type="hidden" name="account" value={account.sub} />
      <input type="hidden" name="project" value={projectId} />
      {back !== null && <input type="hidden" name="return_to" value={back} />}
      <span>
        <strong>{app}</strong> has access to:
        {scopes.map((scope) => (
          <small key={scope}>
            <br />
            {meaningOf(scope)}
          </small>
        ))}
      </span>
      <button class="quiet" aria-label={`Remove the access of ${app} to ${account.email}`}>
        Remove access
      </button>
    </form>
  );
}
