import type { GoogleClient } from '../domain/google-client.js';
import { isLocal } from './production-rules.js';

/**
 * Whether Google will send browsers back to us: a `web` client must list the exact address (scheme, case and
 * trailing slash included), an `installed` client takes any loopback address and nothing else.
 */
export function redirectUriFaults(clients: readonly GoogleClient[], publicUrl: string): string[] {
  if (!publicUrl) return [];
  const redirectUri = `${publicUrl}/callback`;
  return clients.flatMap(({ alias, kind, redirectUris }) => {
    if (kind === 'installed') {
      return isLocal(publicUrl)
        ? []
        : [
            `client ${alias}: an "installed" client works on localhost only; make a "web" client for PUBLIC_URL`,
          ];
    }
    if (redirectUris.length === 0 || redirectUris.includes(redirectUri)) return [];
    return [
      `client ${alias}: its JSON does not list PUBLIC_URL + /callback among redirect_uris; ` +
        'add it in the Google console and download the JSON again',
    ];
  });
}
