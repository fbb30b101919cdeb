/**
 * This folder owns a user's consent without a broker in between: the loopback address, the browser, the wait, and
 * what is checked when the browser comes back.
 * Does not own what Google is told and answers (google/), nor how a grant is kept: `--store` runs the use cases of
 * authorization/ and callback/.
 */
import type { GoogleClient } from '../../../domain/google/oauth.js';
import { readUri, shown } from '../../../domain/redirect-uri/parsed-uri.js';
import { isLocalHost } from '../../../domain/redirect-uri/redirect-uri.js';
import { EXIT, Failure } from '../../shared/failure.js';

/** Where Google's own generate_user_credentials listens. */
const USUAL_PORT = 8080;

/** Where to listen for the browser. */
export interface LoopbackAddress {
  /** Addresses of this machine; `localhost` is two of them, and the browser chooses. */
  readonly hosts: readonly string[];
  /** 0 takes any free one. */
  readonly port: number;
  readonly path: string;
  /** As Google must be told, to the letter; null: http://127.0.0.1 and the port that was taken. */
  readonly redirectUri: string | null;
}

/**
 * An `installed` client may use any port (RFC 8252 section 7.3). A `web` client only what its JSON lists.
 * @param port the one that the user wants; null leaves the choice
 * @throws {Failure} when a web client lists no address that can be listened on here
 */
export function chooseAddress(client: GoogleClient, port: number | null): LoopbackAddress {
  if (client.kind === 'installed') {
    return { hosts: ['127.0.0.1'], port: port ?? 0, path: '/', redirectUri: null };
  }
  const usable = client.redirectUris.map(listening).filter((address) => address !== null);
  const address = port === null ? usable[0] : usable.find((each) => each.port === port);
  if (address) return address;
  const listed = client.redirectUris.map(shown).join(', ') || 'none';
  throw new Failure(
    EXIT.noLocalRedirectUri,
    'no_local_redirect_uri',
    `The web client ${client.clientId} lists no redirect URI on this machine${port === null ? '' : ` with the port ${port}`} ` +
      `(it lists ${listed}). Add http://127.0.0.1:${port ?? USUAL_PORT} to its authorized redirect URIs in the Google ` +
      'console and download its JSON again, make a client of the type Desktop app, or use --store.',
  );
}

/** Without a certificate only http can be listened on. */
function listening(uri: string): LoopbackAddress | null {
  const { scheme, host, isWhole } = readUri(uri);
  if (!isWhole || scheme !== 'http' || !isLocalHost(host)) return null;
  const { port, pathname } = new URL(uri);
  const hosts = host === 'localhost' ? ['127.0.0.1', '::1'] : [host === '[::1]' ? '::1' : '127.0.0.1'];
  return { hosts, port: port === '' ? 80 : Number(port), path: pathname, redirectUri: uri };
}
