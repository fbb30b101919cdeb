/** A redirect URI taken apart as RFC 3986 section 3 has it, without any repair. */
export interface ParsedUri {
  readonly text: string;
  /** In lower case. */
  readonly scheme: string;
  /** In lower case, without user name, port and the dot that may end it; empty where there is none. */
  readonly host: string;
  readonly isIp: boolean;
  readonly hasUserinfo: boolean;
  readonly path: string;
  /** Every name and value of the query, encoded as written. */
  readonly queryWords: readonly string[];
  /** Whether it has scheme and host, and a browser's parser finds the same host in it. */
  readonly isWhole: boolean;
}

/** RFC 3986 appendix B. */
const URI = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/s;
const AUTHORITY = /^(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::\d*)?$/s;

export function readUri(text: string): ParsedUri {
  const [, scheme = '', authority = '', path = '', query = ''] = URI.exec(text) ?? [];
  const [, userinfo, host = ''] = AUTHORITY.exec(authority) ?? [];
  const named = withoutLastDot(host.toLowerCase());
  // A parser reads 0x7f.1 and 2130706433 as the IP address 127.0.0.1, and %65xample.com as a name.
  const parsed = URL.canParse(text) ? withoutLastDot(new URL(text).hostname) : null;
  return {
    text,
    scheme: scheme.toLowerCase(),
    host: named,
    isIp: [named, parsed ?? ''].some((each) => each.startsWith('[') || /^\d+(\.\d+){3}$/.test(each)),
    hasUserinfo: userinfo !== undefined,
    path,
    queryWords: query.split(/[&;]/).flatMap((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
    isWhole: named !== '' && parsed === named,
  };
}

/** Byte by byte, and again until no encoding is left: what one server passes on encoded, the next one decodes. */
export function decoded(text: string): string {
  const once = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return once === text ? text : decoded(once);
}

/** A URI as it may be shown: without a password, and with nothing that a terminal or a log would obey. */
export function shown(uri: string): string {
  return uri
    .replace(/^([^:/?#]*:)?\/\/[^/?#]*@/, '$1//[hidden]@')
    .replace(/[^\x21-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function withoutLastDot(host: string): string {
  return host.replace(/\.$/, '');
}
