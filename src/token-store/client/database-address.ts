import pg from 'pg';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { DATABASE_URL, DATABASE_URL_RULE } from '../../config/definitions/database.js';
import { Secret } from '../../domain/secret.js';

/** One server, as pg takes it. */
export type DatabaseHost = Pick<
  pg.ClientConfig,
  'host' | 'port' | 'user' | 'password' | 'database' | 'ssl' | 'sslnegotiation' | 'options'
>;

/** What a URL says: several servers where it names several, of which one can be written to. */
export interface DatabaseAddress {
  readonly hosts: readonly DatabaseHost[];
  /** Whether a server that cannot be written to is passed over. */
  readonly mustBeWritable: boolean;
}

/** Never holds a part of the URL. */
export class DatabaseUrlFault extends Error {
  override readonly name = 'DatabaseUrlFault';
}

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const;
const CHECKED = [
  'host',
  'port',
  'ssl',
  'sslmode',
  ...SSL_FILES,
  'sslnegotiation',
  'uselibpqcompat',
  'target_session_attrs',
  'schema',
];
const MAX_PORT = 65_535;
const URL_PARTS = /^(postgres(?:ql)?:\/\/)([^/?]*)(\/[^?]*)?(?:\?(.*))?$/;

/**
 * Splits a URL of several hosts, which pg does not know, and lets pg parse each: what is checked here is what is used.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @throws {DatabaseUrlFault}
 */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  if (!DATABASE_URL.test(url)) throw new DatabaseUrlFault(DATABASE_URL_RULE);
  // What follows it would be cut off, silently.
  if (url.includes('#')) throw new DatabaseUrlFault('holds a raw #: write it as %23');
  const [, scheme = '', authority = '', path = '', query = ''] = URL_PARTS.exec(url) ?? [];
  if (path.includes('@')) {
    throw new DatabaseUrlFault('holds a raw / or ? in its user name or password: write it as %2F or %3F');
  }
  if (path.length < 2) throw new DatabaseUrlFault('names no database: add /name after the host');
  const parameters = new URLSearchParams(query);
  checkParameters(parameters);
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, at + 1);
  const addresses = addressesOf(authority.slice(at + 1), parameters);
  const attributes = parameters.get('target_session_attrs') ?? (addresses.length > 1 ? 'read-write' : 'any');
  return {
    hosts: addresses.map(({ host, port, isParameter }) => {
      const own = new URLSearchParams(parameters);
      for (const name of ['host', 'port', 'target_session_attrs']) own.delete(name);
      if (own.get('sslrootcert') === 'system') own.delete('sslrootcert');
      if (isParameter) own.set('host', host);
      if (isParameter && port !== '') own.set('port', port);
      const written = isParameter ? '' : `${host}${port === '' ? '' : `:${port}`}`;
      return parsedByPg(`${scheme}${user}${written}${path}?${own.toString()}`);
    }),
    mustBeWritable: attributes !== 'any',
  };
}

/** @param name of the setting, for the fault */
export function databaseUrlFaults(name: string, url: string): string[] {
  try {
    parseDatabaseUrl(url);
    return [];
  } catch (error) {
    if (error instanceof DatabaseUrlFault) return [`${name} ${error.message}`];
    throw error;
  }
}

function checkParameters(parameters: URLSearchParams): void {
  // Of two values one is checked here, and pg uses the other.
  const names = [...parameters.keys()];
  const twice = CHECKED.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw new DatabaseUrlFault(`has ${twice} twice`);
  const sslMode = parameters.get('sslmode');
  if (sslMode !== null && !SSL_MODES.includes(sslMode)) {
    throw new DatabaseUrlFault(`has an unknown sslmode: it is one of ${SSL_MODES.join(', ')}`);
  }
  const ssl = parameters.get('ssl');
  if (ssl !== null && !['true', '1', '0', 'no-verify'].includes(ssl)) {
    throw new DatabaseUrlFault('has an unknown value of ssl: use sslmode instead');
  }
  for (const name of SSL_FILES) {
    const path = parameters.get(name);
    if (!path || (name === 'sslrootcert' && path === 'system')) continue;
    try {
      readFileSync(path);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw new DatabaseUrlFault(`has an ${name} that cannot be read (${code})`);
    }
  }
  const isLibpq = parameters.get('uselibpqcompat') === 'true';
  if (isLibpq && sslMode === 'verify-ca' && !parameters.get('sslrootcert')) {
    throw new DatabaseUrlFault('has sslmode=verify-ca without sslrootcert');
  }
  const negotiation = parameters.get('sslnegotiation');
  if (negotiation !== null && !['postgres', 'direct'].includes(negotiation)) {
    throw new DatabaseUrlFault('has an unknown sslnegotiation: it is postgres or direct');
  }
  if (negotiation === 'direct' && sslMode === 'disable') {
    throw new DatabaseUrlFault('has sslnegotiation=direct without TLS');
  }
  const attributes = parameters.get('target_session_attrs');
  if (attributes !== null && !['any', 'read-write', 'primary'].includes(attributes)) {
    throw new DatabaseUrlFault(
      'has a target_session_attrs that the broker cannot use, because it writes: read-write, primary or any',
    );
  }
  const schema = parameters.get('schema');
  if (schema !== null && schema !== 'public') {
    throw new DatabaseUrlFault('names another schema: the tables of the broker are in the schema public');
  }
  if (parameters.has('replication')) throw new DatabaseUrlFault('asks for a replication connection');
}

interface HostAndPort {
  readonly host: string;
  readonly port: string;
  /** A socket's folder, or where the host stands in the query for another reason. */
  readonly isParameter: boolean;
}

function addressesOf(authority: string, parameters: URLSearchParams): HostAndPort[] {
  const hosts = parameters.get('host');
  const addresses = hosts === null ? inAuthority(authority, parameters) : inParameters(hosts, parameters);
  if (addresses.length > 1 && addresses.some(({ host }) => host === '')) {
    throw new DatabaseUrlFault('has an empty host among several');
  }
  for (const { port } of addresses) {
    const number = Number(port);
    if (port !== '' && !(/^\d+$/.test(port) && number >= 1 && number <= MAX_PORT)) {
      throw new DatabaseUrlFault(
        'has a port that is not a number from 1 to 65535. A special character in the user name or password is percent-encoded',
      );
    }
  }
  return addresses;
}

function inAuthority(authority: string, parameters: URLSearchParams): HostAndPort[] {
  const port = parameters.get('port') ?? '';
  return authority.split(',').map((each) => {
    const [, host = '', own] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(each) ?? [];
    return { host, port: port === '' ? (own ?? '') : port, isParameter: false };
  });
}

function inParameters(hosts: string, parameters: URLSearchParams): HostAndPort[] {
  const names = hosts.split(',');
  const ports = (parameters.get('port') ?? '').split(',');
  if (ports.length !== 1 && ports.length !== names.length) {
    throw new DatabaseUrlFault('names another number of ports than of hosts');
  }
  return names.map((host, index) => ({
    host,
    port: ports[ports.length === 1 ? 0 : index] ?? '',
    isParameter: true,
  }));
}

/** What pg keeps of a URL, and @types/pg does not list. */
interface Parsed {
  readonly options?: string;
  readonly sslnegotiation?: 'postgres' | 'direct';
}

function parsedByPg(url: string): DatabaseHost {
  try {
    const client = new pg.Client({ connectionString: url });
    const { host, port, user, database } = client;
    const ssl = client.ssl as pg.ClientConfig['ssl'];
    const { options, sslnegotiation } = Reflect.get(client, 'connectionParameters') as Parsed;
    const password = client.password ? new Secret(client.password) : null;
    if (typeof ssl === 'object') checkCertificates(ssl);
    return {
      ...{ host, port, user, database, ssl, options, sslnegotiation },
      // Without one, pg looks into ~/.pgpass.
      ...(password ? { password: () => password.reveal() } : {}),
    };
  } catch (error) {
    if (error instanceof DatabaseUrlFault) throw error;
    throw new DatabaseUrlFault(
      'cannot be parsed. Special characters in the user name and password are percent-encoded: @ as %40, / as %2F',
    );
  }
}

/** Node takes what is not a certificate for none at all, and refuses every server later. */
function checkCertificates({ ca, cert, key }: Exclude<pg.ClientConfig['ssl'], boolean | undefined>): void {
  try {
    if (typeof ca === 'string') new X509Certificate(ca);
  } catch {
    throw new DatabaseUrlFault('has an sslrootcert that is not a certificate in PEM form');
  }
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new DatabaseUrlFault(
      'has an sslcert and sslkey that are not a certificate with its key in PEM form',
    );
  }
}
