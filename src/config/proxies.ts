import { BlockList, isIP } from 'node:net';
import { isLocalHost } from '../domain/redirect-uri/redirect-uri.js';
import { Secret } from '../domain/secret.js';

/** The names that curl, Go and Python use. The lower-case name takes precedence, as there. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

/** Which proxy each outbound request goes through. */
export interface Proxies {
  /** @returns the proxy's address, which can hold a password; null: none */
  of(url: URL): Secret | null;
}

/** @returns the value in lower or upper case; empty counts as unset */
function proxyVariable(
  env: Readonly<Record<string, string | undefined>>,
  name: (typeof PROXY_VARIABLES)[number],
): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

/** The variables by their upper-case names. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    PROXY_VARIABLES.flatMap((name) => {
      const value = proxyVariable(env, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** An http or https address. Without a scheme it is http, as in curl. */
export function isProxyAddress(value: unknown): boolean {
  return typeof value === 'string' && proxyUrl(value) !== null;
}

function proxyUrl(value: string): URL | null {
  const text = value.includes('://') ? value : `http://${value}`;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isPlain = url.pathname === '/' && url.search === '' && url.hash === '' && isDecodable(url);
  return ['http:', 'https:'].includes(url.protocol) && url.hostname !== '' && isPlain ? url : null;
}

/** Otherwise a raw % in a password would fail only at the first request. */
function isDecodable({ username, password }: URL): boolean {
  try {
    return decodeURIComponent(`${username}:${password}`) !== '';
  } catch {
    return false;
  }
}

/** @param env checked by config/environment.ts: the broker does not start with a malformed address */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const address = (name: 'HTTPS_PROXY' | 'HTTP_PROXY') => {
    const url = proxyUrl(proxyVariable(env, name) ?? '');
    return url && new Secret(url.href);
  };
  const [https, http] = [address('HTTPS_PROXY'), address('HTTP_PROXY')];
  const isDirect = directRule(proxyVariable(env, 'NO_PROXY') ?? '');
  return {
    of: (url) => (isDirect(url) ? null : url.protocol === 'https:' ? https : http),
  };
}

/**
 * NO_PROXY as curl and Go read it: hosts with their subdomains, addresses, ranges in CIDR notation, each with or without a
 * port; `*` is every host. Loopback addresses never go through a proxy: a proxy on another machine cannot reach them.
 */
function directRule(noProxy: string): (url: URL) => boolean {
  const ranges = new BlockList();
  const hosts: { readonly host: string; readonly port: string }[] = [];
  for (const entry of noProxy.toLowerCase().split(/[\s,]+/)) {
    if (entry === '') continue;
    const [address = '', bits, ...more] = entry.split('/');
    const family = familyOf(address);
    if (bits !== undefined && more.length === 0 && family && /^\d{1,3}$/.test(bits)) {
      if (Number(bits) <= (family === 'ipv4' ? 32 : 128)) ranges.addSubnet(address, Number(bits), family);
      continue;
    }
    const [, host = entry, port = ''] = familyOf(entry) ? [] : (/^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? []);
    hosts.push({ host: unbracketed(host).replace(/^\*?\./, ''), port });
  }
  return ({ hostname, port, protocol }) => {
    const name = unbracketed(hostname);
    const family = familyOf(name);
    if (isLocalHost(hostname) || /^127\.\d+\.\d+\.\d+$/.test(name)) return true;
    if (family && ranges.check(name, family)) return true;
    const actual = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
    return hosts.some(
      (rule) =>
        (rule.port === '' || rule.port === actual) &&
        (rule.host === '*' || rule.host === name || (!family && name.endsWith(`.${rule.host}`))),
    );
  };
}

function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address);
  if (version === 0) return null;
  return version === 4 ? 'ipv4' : 'ipv6';
}
