/**
 * This folder owns a user's consent on the command line: the loopback redirect URI (RFC 8252 section 7.3), the browser,
 * the wait, and the checks of the authorization response.
 * Does not own requests to Google (google/), nor how a grant is stored: `--store` runs the use cases of authorization/ and
 * callback/.
 */
import type { GoogleClient } from '../../../domain/google/oauth.js';
import { readUri, shown } from '../../../domain/redirect-uri/parsed-uri.js';
import { isLocalHost } from '../../../domain/redirect-uri/redirect-uri.js';
import { EXIT, Failure } from '../../shared/failure.js';

/** Where Google's own generate_user_credentials listens. */
const USUAL_PORT = 8080;

export interface LoopbackAddress {
  /** Addresses of this machine; `localhost` is two of them, and the browser chooses. */
  readonly hosts: readonly string[];
  /** 0 for any free port. */
  readonly port: number;
  readonly path: string;
  /** The exact text for Google; null: http://127.0.0.1 and the port that is taken. */
  readonly redirectUri: string | null;
}

/**
 * An `installed` client may use any port (RFC 8252 section 7.3). A `web` client only what its JSON lists.
 * @param port null for any
 * @throws {Failure} when a web client lists no address that can be listened on here
 */
export function chooseAddress(client: GoogleClient, port: number | null): LoopbackAddress {
  if (client.kind === 'installed') {
    return { hosts: ['127.0.0.1'], port: port ?? 0, path: '/', redirectUri: null };
  }
  const usable = client.redirectUris.map(listenable).filter((address) => address !== null);
  const address = port === null ? usable[0] : usable.find((each) => each.port === port);
  if (address) return address;
  const listed = client.redirectUris.map(shown).join(', ') || 'none';
  throw new Failure(
    EXIT.noLocalRedirectUri,
    'no_local_redirect_uri',
    `The web client ${client.clientId} lists no redirect URI on this machine${port === null ? '' : ` with the port ${port}`} ` +
      `(it lists ${listed}). Add http://127.0.0.1:${port ?? USUAL_PORT} to its authorized redirect URIs (Google ` +
      'console, Clients) and to the list in its JSON, create a client of the type Desktop app, or use --store.',
  );
}

/** @returns null for an address that this machine cannot listen on, such as https without a certificate */
function listenable(uri: string): LoopbackAddress | null {
  const { scheme, host, isWhole } = readUri(uri);
  if (!isWhole || scheme !== 'http' || !isLocalHost(host)) return null;
  const { port, pathname } = new URL(uri);
  const hosts = host === 'localhost' ? ['127.0.0.1', '::1'] : [host === '[::1]' ? '::1' : '127.0.0.1'];
  return { hosts, port: port === '' ? 80 : Number(port), path: pathname, redirectUri: uri };
}
