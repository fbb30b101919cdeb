import { parse } from 'tldts';
import type { GoogleClient } from '../domain/google/oauth.js';
import { readUri, shown } from '../domain/redirect-uri/parsed-uri.js';
import { brokenRules, findListed, isLocalHost } from '../domain/redirect-uri/redirect-uri.js';

/** The rules of Google that the broker's own callback breaks. */
export function ownCallbackFaults(publicUrl: string): string[] {
  return brokenRules(callbackOf(publicUrl), hasPublicSuffix).map(
    ({ rule, asks }) => `PUBLIC_URL + /callback breaks the rule ${rule}: a redirect URI ${asks}`,
  );
}

/** The rules that the redirect URIs in a client's JSON break. */
export function listedUriFaults({ alias, redirectUris }: GoogleClient): string[] {
  return redirectUris.flatMap((uri) =>
    brokenRules(uri, hasPublicSuffix).map(
      ({ rule, asks }) =>
        `client ${alias}: its redirect URI ${shown(uri)} breaks the rule ${rule}: a redirect URI ${asks}`,
    ),
  );
}

/**
 * Whether Google will redirect to the broker's callback: a `web` client must list the exact address, scheme, case and
 * trailing slash included; an `installed` client accepts loopback addresses only.
 */
export function redirectFaults({ alias, kind, redirectUris }: GoogleClient, publicUrl: string): string[] {
  const redirectUri = callbackOf(publicUrl);
  if (kind === 'installed') {
    return isLocalHost(readUri(redirectUri).host)
      ? []
      : [
          `client ${alias}: an "installed" client works on localhost only; make a "web" client for PUBLIC_URL`,
        ];
  }
  const found = findListed(redirectUri, redirectUris);
  if (redirectUris.length === 0 || found === 'listed') return [];
  const near = found && `; ${shown(found.near)} is listed, which differs in the ${found.differsIn}`;
  return [
    `client ${alias}: its JSON does not list PUBLIC_URL + /callback among redirect_uris${near ?? ''}; ` +
      'add it in the Google console, and to the JSON by hand',
  ];
}

export function callbackOf(publicUrl: string): string {
  return `${publicUrl}/callback`;
}

/** Whether a host ends in a top-level domain of the public suffix list's ICANN part. */
export function hasPublicSuffix(host: string): boolean {
  return parse(host, { extractHostname: false, validateHostname: false }).isIcann ?? false;
}
