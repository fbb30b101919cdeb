import type { GoogleClient } from '../domain/google/oauth.js';
import { readUri } from '../domain/redirect-uri/parsed-uri.js';
import { findListed, isLocalHost } from '../domain/redirect-uri/redirect-uri.js';
import { Secret } from '../domain/secret.js';
import type { Environment } from './environment.js';

/** Google's, as its discovery document names it. */
const GOOGLE_ISSUER = 'https://accounts.google.com';

/** The console as it is configured. */
export interface ConsoleSettings {
  /** The origin where browsers reach it. */
  readonly url: string;
  readonly redirectUri: string;
  /** Email addresses, and domains with @ in front. */
  readonly operators: readonly string[];
  readonly viewers: readonly string[];
  readonly issuer: string;
  /** Only Google's id_tokens name a hosted domain. */
  readonly isGoogle: boolean;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** @returns the console, null where it is off; and what is wrong with its settings */
export function readConsole(
  environment: Environment,
  clients: readonly GoogleClient[],
): { console: ConsoleSettings | null; faults: string[] } {
  const { CONSOLE_OPERATORS: operators, CONSOLE_VIEWERS: viewers, ADMIN_PORT, ADMIN_URL, PORT } = environment;
  const faults: string[] = [];
  if (environment.CELL === null && environment.CELL_PEERS.length > 0)
    faults.push('CELL is not set, which CELL_PEERS needs');
  if (ADMIN_PORT !== null && ADMIN_PORT === PORT) faults.push('ADMIN_PORT and PORT are the same');
  if (operators.length + viewers.length === 0) return { console: null, faults };
  if (ADMIN_PORT !== null && ADMIN_URL === null) {
    faults.push('ADMIN_URL is not set: the console is on ADMIN_PORT, and must know where browsers reach it');
  }
  if (environment.CELL !== null && ADMIN_PORT === null) {
    faults.push(
      'ADMIN_PORT is not set: with CELL, the console of each cell has an address of its own (ADMIN_URL), which PUBLIC_URL is not',
    );
  }
  const url = (ADMIN_PORT === null ? null : ADMIN_URL) ?? environment.PUBLIC_URL;
  // PUBLIC_URL has a rule of its own, and so has an ADMIN_URL that is no URL.
  const isOwn = url === ADMIN_URL && URL.canParse(url);
  if (isOwn && new URL(url).protocol === 'http:' && !isLocalHost(new URL(url).hostname)) {
    faults.push(
      'ADMIN_URL must be https outside localhost: the code and the session cookie of an operator are sent there',
    );
  }
  const redirectUri = `${url}/console/callback`;
  const provider = readProvider(environment, clients, redirectUri);
  if (typeof provider === 'string') return { console: null, faults: [...faults, provider] };
  return { console: { url, redirectUri, operators, viewers, ...provider }, faults };
}

type Provider = Pick<ConsoleSettings, 'issuer' | 'isGoogle' | 'clientId' | 'clientSecret'>;

/** @returns with which issuer one signs in; or what is wrong */
function readProvider(
  environment: Environment,
  clients: readonly GoogleClient[],
  redirectUri: string,
): Provider | string {
  const { CONSOLE_ISSUER: issuer, CONSOLE_CLIENT_ID: clientId, CONSOLE_GOOGLE_CLIENT: alias } = environment;
  if (issuer !== null) {
    if (clientId === null) return 'CONSOLE_CLIENT_ID is not set, which CONSOLE_ISSUER needs';
    const clientSecret = new Secret(environment.CONSOLE_CLIENT_SECRET ?? '');
    return { issuer, isGoogle: isSameIssuer(issuer, GOOGLE_ISSUER), clientId, clientSecret };
  }
  const named = clients.find((each) => each.alias === (alias ?? 'default'));
  const client = named ?? (alias === null && clients.length === 1 ? clients[0] : undefined);
  if (!client) {
    return alias === null
      ? 'CONSOLE_GOOGLE_CLIENT is not set: the broker serves several clients, and none is called default'
      : 'CONSOLE_GOOGLE_CLIENT is not the alias of a client in GOOGLE_CLIENT_SECRETS';
  }
  if (!acceptsRedirect(client, redirectUri)) {
    return (
      `client ${client.alias}: its JSON does not list ${redirectUri} among redirect_uris, where Google sends who signs in ` +
      'to the console; add it in the Google console, and to the JSON by hand'
    );
  }
  const standIn = environment.GOOGLE_STAND_IN_URL;
  return {
    issuer: standIn !== null && URL.canParse(standIn) ? new URL(standIn).origin : GOOGLE_ISSUER,
    isGoogle: true,
    clientId: client.clientId,
    clientSecret: client.clientSecret,
  };
}

/** Compared as discovery does, where a slash at the end makes no difference. */
function isSameIssuer(issuer: string, other: string): boolean {
  return URL.canParse(issuer) && new URL(issuer).href === new URL(other).href;
}

function acceptsRedirect({ kind, redirectUris }: GoogleClient, redirectUri: string): boolean {
  if (kind === 'installed') return isLocalHost(readUri(redirectUri).host);
  return redirectUris.length === 0 || findListed(redirectUri, redirectUris) === 'listed';
}
