/**
 * The configuration of Google's client libraries for the Google Ads API, and the headers for curl. Each file has one pure
 * writer in library-files.ts; does not own where credentials come from, nor how a file is written (shared/files.ts).
 */
import type { Secret } from '../../domain/secret.js';
import {
  adsProperties,
  appConfig,
  assertWritable,
  type ConfigurationValues,
  googleAdsConfigRb,
  googleAdsPhpIni,
  googleadsProperties,
  googleAdsYaml,
  notWritable,
  type Setting,
  settingLines,
} from './library-files.js';

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

/** Visible ASCII (RFC 9110 section 5.5), no spaces. */
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * Lines for `curl -H @FILE`.
 * @throws {Failure} when a value would need quoting, which a header does not have
 */
export function curlConfiguration(accessToken: Secret, choice: AccountChoice): string {
  const headers: readonly Setting[] = [
    ['Authorization', `Bearer ${visible('access token', accessToken)}`],
    ['developer-token', choice.developerToken && visible('developer token', choice.developerToken)],
    ['login-customer-id', choice.loginCustomerId],
    ['linked-customer-id', choice.linkedCustomerId],
  ];
  return `${settingLines(headers, (name, value) => `${name}: ${value}`).join('\n')}\n`;
}

function visible(name: string, secret: Secret): string {
  const value = secret.reveal();
  if (VISIBLE.test(value)) return value;
  throw notWritable(name, 'holds a space or another character that no header can hold');
}
