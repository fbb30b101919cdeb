import type { Settings } from '../../config/settings.js';
import { readTextFile } from '../../config/text-file.js';
import { Secret } from '../../domain/secret.js';
import { type DatabaseAddress, parseDatabaseUrl } from './database-address.js';

/** Reads its file again for each connection, so that a changed password or server takes effect. */
export class AddressSource {
  #url: string;
  #address: DatabaseAddress;
  /** The index of the host that was chosen the last time. */
  preferred = 0;
  /** Whether two hosts took writes then. */
  isSplit = false;

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
      // Half written, or missing for a moment: the former address may still work.
    }
    return this.#address;
  }
}

/** Bypasses a pooler where the settings name a direct address. */
export function directAddress(
  settings: Pick<Settings, 'databaseUrl' | 'databaseUrlFile' | 'databaseDirectUrl' | 'databaseDirectUrlFile'>,
): AddressSource {
  return settings.databaseDirectUrl
    ? new AddressSource(settings.databaseDirectUrl, settings.databaseDirectUrlFile)
    : new AddressSource(settings.databaseUrl, settings.databaseUrlFile);
}
