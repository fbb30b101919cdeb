/**
 * GET and POST /connections: the page of a Google Account that lists the apps with access to it, and removes them
 * (https://myaccount.google.com/connections). Every browser counts as signed in to all accounts, as at the consent page.
 */
import type { Google } from './google.js';
import { isFromSameOrigin } from '../same-origin.js';
import type { Incoming, Parameters } from './incoming.js';
import { type Connection, connectionsPage } from './pages/connections-page.js';
import { Refusal, type Refused } from './refused.js';
import { type EndpointResponse, html } from './response.js';
import { endProjectGrant } from './revoke.js';

const FOREIGN: Refused = {
  form: 'page',
  status: 403,
  error: 'cross_site_request',
  text: 'Access is removed on the page of connections only, and by no form of another site.',
};

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

export function showConnections(google: Google, { query }: Incoming): EndpointResponse {
  return html(
    200,
    connectionsPage({ accounts: accountsOf(google), removed: null, back: backOf(query['return_to']) }),
  );
}

/** Google ends what the account granted to the whole project, and informs only apps that receive security events. */
export function removeConnection(google: Google, { form, site }: Incoming): EndpointResponse {
  if (!isFromSameOrigin(site, originsOf(google))) throw new Refusal(FOREIGN);
  const { account: sub, project } = form;
  const found = typeof sub === 'string' ? google.accounts.get(sub) : undefined;
  const grant = found && google.ledger.grantsOf(found.sub).find(({ projectId }) => projectId === project);
  if (grant) endProjectGrant(google, grant.projectId, grant.sub);
  const removed = grant ? appOf(google, grant.projectId) : null;
  return html(
    200,
    connectionsPage({ accounts: accountsOf(google), removed, back: backOf(form['return_to']) }),
  );
}

/**
 * The way back to an app of this machine; Google's own page has none.
 * @returns null for any other address
 */
function backOf(address: Parameters[string]): string | null {
  if (typeof address !== 'string' || !URL.canParse(address)) return null;
  const { protocol, hostname, href } = new URL(address);
  return /^https?:$/.test(protocol) && LOCAL_HOSTS.includes(hostname) ? href : null;
}

/** By its address, and by the name that the documentation uses. */
function originsOf({ url }: Google): string[] {
  const named = new URL(url);
  named.hostname = 'localhost';
  return [new URL(url).origin, named.origin];
}

function accountsOf(google: Google) {
  return [...google.accounts.values()].map((account) => ({
    account,
    connections: google.ledger
      .grantsOf(account.sub)
      .map(({ projectId, scopes }): Connection => ({ projectId, scopes, app: appOf(google, projectId) })),
  }));
}

/** The name on the consent page: that of the project's first client with a name. */
function appOf(google: Google, projectId: string): string {
  const clients = [...google.clients.values()].filter((client) => client.projectId === projectId);
  return clients.find(({ appName }) => appName !== undefined)?.appName ?? projectId;
}
