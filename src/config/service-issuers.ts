import { type PublicKeySet, readPublicKeys } from '../domain/access/public-key-set.js';
import { isTrustDomain, nameOfTrustDomain, type ServiceIssuer } from '../domain/access/workload-identity.js';
import { isLocalHost } from '../domain/redirect-uri/redirect-uri.js';
import { isDisplayText } from '../domain/text.js';
import { readTextFile } from './configuration-files.js';

const MAX_ADDRESS = 2000;

const FIELDS = ['issuer', 'trust_domain', 'jwks_uri', 'jwks_file', 'audience'] as const;
type IssuerEntry = Readonly<Partial<Record<(typeof FIELDS)[number], string>>>;

/**
 * Reads SERVICE_ISSUERS_FILE: the issuers whose JWTs services may present. docs/workload-identity.md has its format.
 * @param path null: JWTs are not accepted
 * @returns the issuers, and every fault of the file by the number of its entry
 */
export function readServiceIssuers(path: string | null): {
  issuers: ServiceIssuer[];
  faults: string[];
} {
  if (path === null) return { issuers: [], faults: [] };
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { issuers: [], faults: [code ? `cannot be read (${code})` : 'is not JSON'] };
  }
  if (!Array.isArray(json) || json.length === 0) return { issuers: [], faults: ['is not a list of issuers'] };
  const issuers: ServiceIssuer[] = [];
  const faults: string[] = [];
  for (const [index, value] of (json as unknown[]).entries()) {
    const read = readEntry(value);
    const all = Array.isArray(read)
      ? read
      : issuers.some(({ name }) => name === read.name)
        ? [DUPLICATE]
        : [];
    faults.push(...all.map((fault) => `entry ${index + 1}: ${fault}`));
    if (!Array.isArray(read) && all.length === 0) issuers.push(read);
  }
  return { issuers, faults };
}

const DUPLICATE = 'its issuer has an entry already';

/** @returns the issuer, or all that is wrong with it */
function readEntry(value: unknown): ServiceIssuer | string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['is not an object'];
  const unknown = Object.keys(value).filter((field) => !FIELDS.includes(field as (typeof FIELDS)[number]));
  const faults = unknown.map((field) => `has the unknown field ${JSON.stringify(field)}`);
  for (const field of FIELDS) {
    const content = (value as Record<string, unknown>)[field];
    if (content !== undefined && (typeof content !== 'string' || content === '')) {
      faults.push(`${field} is not a text`);
    }
  }
  // Fields that are not text have their fault already; the others are checked all the same.
  const entry = Object.fromEntries(
    Object.entries(value).filter(([, content]) => typeof content === 'string' && content !== ''),
  ) as IssuerEntry;
  faults.push(...nameFaults(entry), ...keyFaults(entry));
  const { issuer, trust_domain: domain, audience } = entry;
  if (audience === undefined) faults.push('lacks audience: the aud claim of its tokens, such as PUBLIC_URL');
  if (faults.length > 0 || audience === undefined) return faults;
  const keys = keysOf(entry);
  return issuer === undefined
    ? { name: nameOfTrustDomain(domain ?? ''), kind: 'trust-domain', audience, keys }
    : { name: issuer, kind: 'issuer', audience, keys };
}

/** OpenID Connect Discovery 1.0 section 4: an issuer has no query and no fragment. */
export function isIssuerAddress(issuer: string): boolean {
  return isSafeAddress(issuer) && !issuer.includes('?');
}

function nameFaults({ issuer, trust_domain: domain }: IssuerEntry): string[] {
  if ((issuer === undefined) === (domain === undefined)) return ['needs either issuer or trust_domain'];
  if (issuer !== undefined && !isIssuerAddress(issuer)) {
    return ['issuer must be an https URL without user name, query and fragment (http only for localhost)'];
  }
  if (domain !== undefined && !isTrustDomain(domain)) {
    return ['trust_domain must be a name such as example.org, in lower case and without spiffe://'];
  }
  return [];
}

function keyFaults({ trust_domain: domain, jwks_uri: uri, jwks_file: file }: IssuerEntry): string[] {
  if (uri !== undefined && file !== undefined) return ['has both jwks_uri and jwks_file: keep one'];
  if (uri !== undefined && !isSafeAddress(uri)) {
    return ['jwks_uri must be an https URL without user name and fragment (http only for localhost)'];
  }
  if (domain !== undefined && uri === undefined && file === undefined) {
    return ['needs jwks_uri or jwks_file: a trust domain has no discovery'];
  }
  try {
    if (file !== undefined) readJwksFile(file);
    return [];
  } catch (error) {
    if (error instanceof JwksFileError) return [`jwks_file ${error.message}`];
    throw error;
  }
}

function keysOf({ jwks_uri: uri, jwks_file: path }: IssuerEntry): ServiceIssuer['keys'] {
  if (uri !== undefined) return { from: 'address', uri };
  return path === undefined ? { from: 'discovery' } : { from: 'file', path };
}

/** Keys fetched over plain http could be an attacker's. */
export function isSafeAddress(text: string): boolean {
  if (!isDisplayText(text, MAX_ADDRESS) || !URL.canParse(text) || /[\s#@]/.test(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLocalHost(hostname));
}

class JwksFileError extends Error {
  override readonly name = 'JwksFileError';
}

/** @throws {JwksFileError} what is wrong with the file, without any of its content */
export function readJwksFile(path: string): PublicKeySet {
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new JwksFileError(code ? `${path} cannot be read (${code})` : `${path} is not JSON`);
  }
  const keys = (json as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) throw new JwksFileError(`${path} has no list of "keys"`);
  for (const key of keys as unknown[]) {
    const { kty, d, k } = (key ?? {}) as Record<string, unknown>;
    if (d !== undefined || k !== undefined || kty === 'oct') {
      throw new JwksFileError(`${path} holds a secret key; keep only the public ones here`);
    }
    if (!['RSA', 'EC', 'OKP'].includes(kty as string)) {
      throw new JwksFileError(`${path} holds something that is not a public key`);
    }
  }
  const set = readPublicKeys({ keys });
  if (typeof set === 'string') throw new JwksFileError(`${path} ${set}`);
  return set;
}
