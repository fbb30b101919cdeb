/**
 * This folder owns the configuration files of Google's client libraries for the Google Ads API: one writer a file,
 * pure, values in, text out, each quoting as its own reader unquotes.
 * Does not own where credentials come from (../client-config.ts, ../generate-user-credentials.ts) nor what a file
 * on the disk needs (../write-private-file.ts).
 */
import type { Secret } from '../../../domain/secret.js';
import { adsProperties } from './ads-properties.js';
import { appConfig } from './app-config.js';
import { assertWritable, type ConfigurationValues } from './configuration-values.js';
import { curlHeaders } from './curl-headers.js';
import { googleAdsConfigRb } from './google-ads-config-rb.js';
import { googleAdsPhpIni } from './google-ads-php-ini.js';
import { googleAdsYaml } from './google-ads-yaml.js';
import { googleadsProperties } from './googleads-properties.js';

/** By language: the file that its library looks for, and how it is written. */
const LIBRARIES = {
  python: { file: 'google-ads.yaml', write: googleAdsYaml },
  java: { file: 'ads.properties', write: adsProperties },
  php: { file: 'google_ads_php.ini', write: googleAdsPhpIni },
  ruby: { file: 'google_ads_config.rb', write: googleAdsConfigRb },
  perl: { file: 'googleads.properties', write: googleadsProperties },
  csharp: { file: 'App.config', write: appConfig },
} as const satisfies Record<string, { file: string; write: (values: ConfigurationValues) => string }>;

export type LibraryFormat = keyof typeof LIBRARIES;
export type Format = LibraryFormat | 'curl';

export const FORMATS = [...Object.keys(LIBRARIES), 'curl'] as Format[];

export function fileNameOf(format: Format): string {
  return format === 'curl' ? 'google-ads-headers.txt' : LIBRARIES[format].file;
}

export interface AccountChoice {
  readonly developerToken: Secret | null;
  readonly loginCustomerId: string | null;
  readonly linkedCustomerId: string | null;
}

export interface LibraryCredentials extends AccountChoice {
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly refreshToken: Secret;
}

/** @throws {Failure} when a value cannot stand in such a file */
export function libraryConfiguration(format: LibraryFormat, credentials: LibraryCredentials): string {
  const values = {
    ...credentials,
    clientSecret: credentials.clientSecret.reveal(),
    refreshToken: credentials.refreshToken.reveal(),
    developerToken: credentials.developerToken?.reveal() ?? null,
  };
  assertWritable('client id', values.clientId);
  assertWritable('client secret', values.clientSecret);
  assertWritable('refresh token', values.refreshToken);
  if (values.developerToken !== null) assertWritable('developer token', values.developerToken);
  return LIBRARIES[format].write(values);
}

/** @throws {Failure} when a value cannot stand in a header */
export function curlConfiguration(accessToken: Secret, choice: AccountChoice): string {
  return curlHeaders({
    ...choice,
    accessToken: accessToken.reveal(),
    developerToken: choice.developerToken?.reveal() ?? null,
  });
}
