/**
 * Owns Google's rules for redirect URIs (its guide for web server apps, "Redirect URI validation rules"), and says
 * which of them a URI breaks. A URI is judged as it is written: what a browser's parser makes of it hides `..`,
 * backslashes and control characters.
 * Does not own the public suffix list, which is an argument, nor what follows from a broken rule (config/).
 * docs/redirect-uris.md explains each rule to users.
 */
import { decoded, type ParsedUri, readUri } from './parsed-uri.js';

/** Whether the end of a host, such as `com` or `co.uk`, is on the public suffix list. */
export type HasPublicSuffix = (host: string) => boolean;

export interface BrokenRule {
  /** A heading of docs/redirect-uris.md. */
  readonly rule: string;
  /** What the rule asks, after the words "a redirect URI". */
  readonly asks: string;
}

interface RedirectUriRule extends BrokenRule {
  readonly isBroken: (uri: ParsedUri, hasPublicSuffix: HasPublicSuffix) => boolean;
}

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]'];
const SHORTENERS =
  'adf.ly bit.do bit.ly buff.ly cutt.ly g.co goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly s.id shorturl.at t.co t.ly tiny.cc tinyurl.com v.gd youtu.be'.split(
    ' ',
  );

/** C0 80 and its longer forms are NUL to a careless UTF-8 decoder, as C0 AE is a dot, C0 AF and C1 9C are slashes. */
const NUL = /\0|\xc0\x80|\xe0\x80\x80|\xf0\x80\x80\x80/;
const TRAVERSAL = /(?:[/\\]|\xc0\xaf|\xc1\x9c)(?:\.|\xc0\xae){2}/;
const ELSEWHERE = /^\s*[/\\]{2}|:\/\/|^\s*(?:https?|javascript|data):/i;

export const REDIRECT_URI_RULES: readonly RedirectUriRule[] = [
  {
    rule: 'whole-uri',
    asks: 'is whole, such as https://broker.example.com/callback, with its host in plain letters',
    isBroken: ({ isWhole }) => !isWhole,
  },
  {
    rule: 'https',
    asks: 'uses https; only localhost, 127.0.0.1 and [::1] may use http',
    isBroken: ({ scheme, host }) => scheme !== 'https' && !(scheme === 'http' && isLocalHost(host)),
  },
  {
    rule: 'no-raw-ip',
    asks: 'names its host; an IP address may stand there only as 127.0.0.1 or [::1]',
    isBroken: ({ host, isIp }) => isIp && !isLocalHost(host),
  },
  {
    rule: 'public-suffix',
    asks: 'has a host under a public top-level domain, as the public suffix list has them',
    isBroken: ({ host, isIp, isWhole }, hasPublicSuffix) =>
      isWhole && !isIp && !isLocalHost(host) && !hasPublicSuffix(host),
  },
  {
    rule: 'no-googleusercontent',
    asks: 'is not under googleusercontent.com',
    isBroken: ({ host }) => isUnder(host, 'googleusercontent.com'),
  },
  {
    rule: 'no-url-shortener',
    asks: 'is not at a URL shortener, unless its path holds /google-callback/ or ends in /google-callback',
    isBroken: ({ host, path }) =>
      SHORTENERS.some((shortener) => isUnder(host, shortener)) && !/\/google-callback(\/|$)/.test(path),
  },
  {
    rule: 'no-userinfo',
    asks: 'has no user name or password before its host',
    isBroken: ({ hasUserinfo }) => hasUserinfo,
  },
  {
    rule: 'no-path-traversal',
    asks: 'holds neither /.. nor \\.., plain or encoded',
    isBroken: ({ text }) => TRAVERSAL.test(decoded(text)),
  },
  {
    rule: 'no-open-redirect',
    asks: 'has no address in its query to send the browser on to',
    isBroken: ({ queryWords }) => queryWords.some((word) => ELSEWHERE.test(decoded(word))),
  },
  {
    rule: 'no-fragment',
    asks: 'has no # and nothing after it',
    isBroken: ({ text }) => text.includes('#'),
  },
  {
    rule: 'no-wildcard',
    asks: 'holds no *',
    isBroken: ({ text }) => text.includes('*'),
  },
  {
    rule: 'printable-ascii',
    asks: 'is written in printable ASCII, without spaces',
    isBroken: ({ text }) => /[^\x21-\x7e]/.test(text),
  },
  {
    rule: 'percent-encoding',
    asks: 'has two hexadecimal digits after every %',
    isBroken: ({ text }) => /%(?![0-9a-f]{2})/i.test(text),
  },
  {
    rule: 'no-nul',
    asks: 'holds no NUL character, neither as %00 nor as %C0%80',
    isBroken: ({ text }) => NUL.test(decoded(text)),
  },
];

/** @returns every rule that the URI breaks */
export function brokenRules(uri: string, hasPublicSuffix: HasPublicSuffix): BrokenRule[] {
  const parsed = readUri(uri);
  return REDIRECT_URI_RULES.filter(({ isBroken }) => isBroken(parsed, hasPublicSuffix)).map(
    ({ rule, asks }) => ({
      rule,
      asks,
    }),
  );
}

export function isLocalHost(host: string): boolean {
  return LOCAL_HOSTS.includes(host);
}

export type Difference = 'scheme' | 'case' | 'trailing slash';

/**
 * Google compares exactly.
 * @returns `listed`; or a listed URI that differs only in what people overlook; or null
 */
export function findListed(
  uri: string,
  listed: readonly string[],
): 'listed' | { readonly near: string; readonly differsIn: Difference } | null {
  if (listed.includes(uri)) return 'listed';
  for (const [differsIn, loosened] of OVERLOOKED) {
    const near = listed.find((other) => loosened(other) === loosened(uri));
    if (near !== undefined) return { near, differsIn };
  }
  return null;
}

const OVERLOOKED: readonly (readonly [Difference, (uri: string) => string])[] = [
  ['scheme', (uri) => uri.replace(/^https?:/, '')],
  ['case', (uri) => uri.toLowerCase()],
  ['trailing slash', (uri) => uri.replace(/\/$/, '')],
];

function isUnder(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}
