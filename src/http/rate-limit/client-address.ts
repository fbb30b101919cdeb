import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';

/** Named ranges that TRUSTED_PROXIES accepts. */
const NAMED_RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** The addresses of callers, as trusted proxies report them. */
export class ClientAddresses {
  readonly #proxies: BlockList | null;

  /** @param proxies addresses, ranges in CIDR notation, or names of ranges */
  constructor(proxies: readonly string[]) {
    this.#proxies = proxies.length === 0 ? null : blockListOf(proxies);
  }

  isProxy(address: string): boolean {
    const version = isIP(address);
    if (version === 0 || !this.#proxies) return false;
    return this.#proxies.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }

  /**
   * The last address in the list that is not a trusted proxy's: each proxy appends the address of its peer. When a proxy
   * reports none (`unknown`, an obfuscated identifier, anything malformed), its own address is used; what a client put into
   * the header is never believed.
   */
  of({ socket, headers }: IncomingMessage): string {
    let address = socket.remoteAddress ?? 'unknown';
    if (!this.isProxy(address)) return address;
    const forwardedFor = headers['x-forwarded-for'];
    const { forwarded } = headers;
    // X-Forwarded-For has no RFC; most proxies that send Forwarded (RFC 7239) send both.
    const hops =
      forwardedFor === undefined
        ? readForwarded(forwarded ?? '')
        : members([forwardedFor].flat().join(',')).map((member) => addressOfNode(member, true));
    for (const hop of hops.reverse()) {
      if (hop === null) return address;
      address = hop;
      if (!this.isProxy(address)) return address;
    }
    return address;
  }
}

function blockListOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of proxies.flatMap((proxy) => NAMED_RANGES[proxy] ?? proxy)) {
    const [address = '', bits] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Empty list elements are ignored (RFC 9110 section 5.6.1.2). */
function members(list: string): string[] {
  return list
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

/** RFC 7239 section 6: an IPv4 address, or an IPv6 address in brackets, with an optional port, which can be obfuscated. */
const NODE = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?$/i;

/** @param isLenient X-Forwarded-For may have IPv6 without brackets, then without a port */
function addressOfNode(node: string, isLenient: boolean): string | null {
  if (isLenient && isIPv6(node)) return withoutZone(node);
  const [, v6, v4] = NODE.exec(node) ?? [];
  if (v6 !== undefined) return isIPv6(v6) ? v6 : null;
  return v4 !== undefined && isIP(v4) === 4 ? v4 : null;
}

/** A zone has a meaning only on the proxy's own host (RFC 4007 section 11). */
function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? address;
}

/** One `name=value` of RFC 7239 section 4, with the separator behind it. */
const PAIR = /\s*([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w:[\]-]+))\s*(?:([;,])|$)/y;

/**
 * The `for` of each element, in order; null for an element without an address. After malformed text, a client's part of the
 * header cannot be distinguished from a proxy's: then the result is one null.
 */
function readForwarded(header: string): (string | null)[] {
  const hops: (string | null)[] = [];
  let names: Record<string, string | null> = {};
  const end = () => {
    hops.push(names['for'] === undefined ? null : addressOfNode(names['for'] ?? '', false));
    names = {};
  };
  PAIR.lastIndex = 0;
  let at = 0;
  while (at < header.length) {
    // Skips empty elements.
    if (Object.keys(names).length === 0) {
      const empty = /[\s,]*/y;
      empty.lastIndex = at;
      empty.test(header);
      at = empty.lastIndex;
      if (at >= header.length) break;
    }
    PAIR.lastIndex = at;
    const pair = PAIR.exec(header);
    if (!pair) return [null];
    at = PAIR.lastIndex;
    const [, name = '', quoted, token, separator] = pair;
    const key = name.toLowerCase();
    // A parameter may occur once in an element (section 4).
    names[key] = key in names ? null : (quoted?.replaceAll(/\\(.)/g, '$1') ?? token ?? null);
    if (separator !== ';') end();
  }
  if (Object.keys(names).length > 0) end();
  return hops;
}
