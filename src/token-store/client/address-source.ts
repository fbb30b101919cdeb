import type { Settings } from '../../config/settings.js';
import { readTextFile } from '../../config/configuration-files.js';
import { Secret } from '../../domain/secret.js';
import { type DatabaseAddress, type DatabaseHost, parseDatabaseUrl } from './database-address.js';

/** One server of a cluster. */
export interface ServerPlace {
  readonly host: string;
  readonly port: number;
}

/** Reads its file again for each connection, so that a changed password or server takes effect. */
export class AddressSource {
  #url: string;
  #address: DatabaseAddress;
  /** The index of the host that was chosen the last time. */
  preferred = 0;
  /** Hosts that did not answer in time, as `host:port`: a choice does not wait long for them again. */
  readonly silent = new Set<string>();
  /** Whether two hosts took writes then. */
  isSplit = false;

  /** @throws {DatabaseUrlFault} */
  constructor(
    url: Secret,
    private readonly file: string | null = null,
    private readonly at: ServerPlace | null = null,
    private readonly role: AddressSource | null = null,
  ) {
    this.#url = url.reveal();
    this.#address = parseDatabaseUrl(this.#url);
  }

  current(): DatabaseAddress {
    if (this.file !== null) this.#readAgain(this.file);
    const [first] = this.#address.hosts;
    if (!this.at || !first) return this.#address;
    return { hosts: [{ ...first, ...this.#login(first), ...this.at }], mustBeWritable: false };
  }

  /** Where it is the same role, its password is the server's: the one for a pooler may be another. */
  #login(own: DatabaseHost): Pick<DatabaseHost, 'user' | 'password'> {
    const [{ user, password } = own] = this.role?.current().hosts ?? [];
    return user === own.user ? {} : { user, password };
  }

  #readAgain(file: string): void {
    try {
      const url = readTextFile(file).trim();
      // Parsed again although it is the same: the files of certificates that it names may have changed.
      this.#address = parseDatabaseUrl(url);
      if (url !== this.#url) this.preferred = 0;
      this.#url = url;
    } catch {
      // Half written, or missing for a moment: the former address may still work.
    }
  }
}

type AddressSettings = Pick<
  Settings,
  'databaseUrl' | 'databaseUrlFile' | 'databaseDirectUrl' | 'databaseDirectUrlFile'
>;

/** Bypasses a pooler where the settings name a direct address. @param at another server, with the same database and role */
export function directAddress(settings: AddressSettings, at: ServerPlace | null = null): AddressSource {
  return settings.databaseDirectUrl
    ? new AddressSource(settings.databaseDirectUrl, settings.databaseDirectUrlFile, at)
    : new AddressSource(settings.databaseUrl, settings.databaseUrlFile, at);
}

/** For the statements of calls at a worker: the database and the TLS of the direct address, and the role of DATABASE_URL. */
export function workerAddress(settings: AddressSettings, at: ServerPlace): AddressSource {
  const { databaseUrl, databaseUrlFile, databaseDirectUrl, databaseDirectUrlFile } = settings;
  if (!databaseDirectUrl) return directAddress(settings, at);
  const role = new AddressSource(databaseUrl, databaseUrlFile);
  return new AddressSource(databaseDirectUrl, databaseDirectUrlFile, at, role);
}
