/**
 * The configuration of Google's client libraries for the Google Ads API, and the headers for curl. Each file has one pure
 * writer in library-files.ts or dotnet-files.ts; does not own where credentials come from, nor how a file is written (shared/files.ts).
 */
import type { Secret } from '../../domain/secret.js';
import { appConfig, googleAdsConfigCs } from './dotnet-files.js';
import {
  adsProperties,
  assertWritable,
  type ConfigurationValues,
  googleAdsConfigRb,
  googleAdsPhpIni,
  googleadsProperties,
  googleAdsYaml,
  notWritable,
  type LibrarySetting,
  settingLines,
} from './library-files.js';

/** By language: the file that its library looks for, how it is written, and where Google's documentation has it. */
const LIBRARIES = {
  python: { file: 'google-ads.yaml', write: googleAdsYaml, docs: 'python' },
  java: { file: 'ads.properties', write: adsProperties, docs: 'java' },
  php: { file: 'google_ads_php.ini', write: googleAdsPhpIni, docs: 'php' },
  ruby: { file: 'google_ads_config.rb', write: googleAdsConfigRb, docs: 'ruby' },
  perl: { file: 'googleads.properties', write: googleadsProperties, docs: 'perl' },
  csharp: { file: 'App.config', write: appConfig, docs: 'dotnet' },
  'csharp-code': { file: 'GoogleAdsSettings.cs', write: googleAdsConfigCs, docs: 'dotnet' },
} as const satisfies Record<
  string,
  { file: string; write: (values: ConfigurationValues) => string; docs: string }
>;

export type LibraryFormat = keyof typeof LIBRARIES;
export type ConfigurationFormat = LibraryFormat | 'curl';

export const FORMATS = [...Object.keys(LIBRARIES), 'curl'] as ConfigurationFormat[];

export function fileNameOf(format: ConfigurationFormat): string {
  return format === 'curl' ? 'google-ads-headers.txt' : LIBRARIES[format].file;
}

/** Google's page about the configuration of this library. */
export function configurationPage(format: ConfigurationFormat): string {
  const docs = 'https://developers.google.com/google-ads/api';
  return format === 'curl'
    ? `${docs}/rest/auth`
    : `${docs}/docs/client-libs/${LIBRARIES[format].docs}/configuration`;
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
  const { clientId } = credentials;
  assertWritable('client id', clientId);
  return LIBRARIES[format].write({
    ...choiceValues(credentials),
    clientId,
    clientSecret: writable('client secret', credentials.clientSecret),
    refreshToken: writable('refresh token', credentials.refreshToken),
    accessToken: null,
    useDefaultCredentials: null,
  });
}

/**
 * For a library that gets its tokens from the broker: by the file that GOOGLE_APPLICATION_CREDENTIALS names, or, in the one
 * library that reads no such file, an access token itself.
 * @throws {Failure} when a value cannot stand in such a file
 */
export function brokerConfiguration(
  format: LibraryFormat,
  choice: AccountChoice,
  accessToken: Secret | null,
): string {
  return LIBRARIES[format].write({
    ...choiceValues(choice),
    clientId: null,
    clientSecret: null,
    refreshToken: null,
    accessToken: accessToken && writable('access token', accessToken),
    useDefaultCredentials: accessToken ? null : 'true',
  });
}

function choiceValues({ developerToken, loginCustomerId, linkedCustomerId }: AccountChoice) {
  return {
    developerToken: developerToken && writable('developer token', developerToken),
    loginCustomerId,
    linkedCustomerId,
  };
}

function writable(name: string, secret: Secret): string {
  const value = secret.reveal();
  assertWritable(name, value);
  return value;
}

/** Visible ASCII (RFC 9110 section 5.5), no spaces. */
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * Lines for `curl -H @FILE`.
 * @throws {Failure} when a value would need quoting, which a header does not have
 */
export function curlConfiguration(accessToken: Secret, choice: AccountChoice): string {
  const headers: readonly LibrarySetting[] = [
    ['Authorization', `Bearer ${visible('access token', accessToken)}`],
    ['developer-token', choice.developerToken && visible('developer token', choice.developerToken)],
    ['login-customer-id', choice.loginCustomerId],
    ['linked-customer-id', choice.linkedCustomerId],
  ];
  return `${settingLines(headers, (name, value) => `${name}: ${value}`).join('\n')}\n`;
}

function visible(name: string, secret: Secret): string {
  const value = secret.reveal();
  // What jq prints for the member of a refusal that has none.
  if (value === 'null') throw notWritable(name, 'is the text `null`, so none was given');
  if (VISIBLE.test(value)) return value;
  throw notWritable(name, 'holds a space or another character that no header can hold');
}
