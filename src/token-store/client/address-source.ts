import type { Settings } from '../../config/settings.js';
import { readTextFile } from '../../config/text-file.js';
import { Secret } from '../../domain/secret.js';
import { type DatabaseAddress, parseDatabaseUrl } from './database-address.js';

/** Reads its file again for each connection: a password or a server that was changed there is taken up. */
export class AddressSource {
  #url: string;
  #address: DatabaseAddress;
  /** Which host of several was the right one the last time. */
  preferred = 0;

  /** @throws {DatabaseUrlFault} */
  constructor(
    url: Secret,
    private readonly file: string | null = null,
  ) {
    this.#url = url.reveal();
    this.#address = parseDatabaseUrl(this.#url);
  }

  current(): DatabaseAddress {
    if (this.file === null) return this.#address;
    try {
      const url = readTextFile(this.file).trim();
      // Parsed again although it is the same: the files of certificates that it names may have changed.
      this.#address = parseDatabaseUrl(url);
      if (url !== this.#url) this.preferred = 0;
      this.#url = url;
    } catch {
      // Half written, or gone for a moment: what was read before may still hold.
    }
    return this.#address;
  }
}

/** Past a pooler where the settings name a way. */
export function directAddress(
  settings: Pick<Settings, 'databaseUrl' | 'databaseUrlFile' | 'databaseDirectUrl' | 'databaseDirectUrlFile'>,
): AddressSource {
  return settings.databaseDirectUrl
    ? new AddressSource(settings.databaseDirectUrl, settings.databaseDirectUrlFile)
    : new AddressSource(settings.databaseUrl, settings.databaseUrlFile);
}
