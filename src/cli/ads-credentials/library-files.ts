import { EXIT, Failure } from '../shared/failure.js';

/** What a client library is configured with, in the open: it lives only while a file of it is made. */
export interface ConfigurationValues {
  /** Null where the library gets its tokens from the broker. */
  readonly clientId: string | null;
  readonly clientSecret: string | null;
  readonly refreshToken: string | null;
  /** For a library without application default credentials. */
  readonly accessToken: string | null;
  /** Whether the library reads the file that GOOGLE_APPLICATION_CREDENTIALS names. */
  readonly useDefaultCredentials: 'true' | null;
  /** Google ignores developer tokens by now; older releases of the libraries still want the setting. */
  readonly developerToken: string | null;
  /** Ten digits. */
  readonly loginCustomerId: string | null;
  readonly linkedCustomerId: string | null;
}

/** A setting under the name that its library gives it; null where there is none to write. */
export type LibrarySetting = readonly [name: string, value: string | null];

/** One line for each setting that has a value. */
export function settingLines(
  settings: readonly LibrarySetting[],
  write: (name: string, value: string) => string,
): string[] {
  return settings.flatMap(([name, value]) => (value === null ? [] : [write(name, value)]));
}

/** Line breaks and other control characters, U+FFFE and U+FFFF (no XML), and halves of surrogate pairs. */
const UNWRITABLE = /\p{Cc}|[\ufffe\uffff]|\p{Cs}/u;

/**
 * Refuses what no format can hold: a value with a line break or half a character.
 * @throws {Failure} names the value, never shows it
 */
export function assertWritable(name: string, value: string): void {
  if (value === '') throw notWritable(name, 'is empty');
  if (UNWRITABLE.test(value)) {
    throw notWritable(name, 'holds a line break or another character that no such file can hold');
  }
}

export function notWritable(name: string, why: string): Failure {
  return new Failure(
    EXIT.refused,
    'value_not_writable',
    `The ${name} ${why}. Nothing was written. Check where it was copied from.`,
  );
}

/** google-ads.yaml, which the Python library reads with PyYAML's safe_load. */
export function googleAdsYaml(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['developer_token', values.developerToken],
      ['client_id', values.clientId],
      ['client_secret', values.clientSecret],
      ['refresh_token', values.refreshToken],
      ['login_customer_id', values.loginCustomerId],
      ['linked_customer_id', values.linkedCustomerId],
    ],
    (name, value) => `${name}: ${quotedYaml(value)}`,
  );
  if (values.useDefaultCredentials) lines.push('use_application_default_credentials: true');
  // The library refuses a file without this key.
  return `${[...lines, 'use_proto_plus: true'].join('\n')}\n`;
}

/**
 * A double-quoted scalar (YAML 1.2 section 7.3.1). All that is not ASCII is escaped: PyYAML speaks YAML 1.1, to which
 * U+0085 and U+2028 are line breaks, and which reads a pair of \u surrogates as two halves.
 */
function quotedYaml(value: string): string {
  const escaped = value
    .replace(/["\\]/g, '\\$&')
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
    );
  return `"${escaped}"`;
}

/** ads.properties, which the Java library reads with java.util.Properties. */
export function adsProperties(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['developerToken', values.developerToken],
      ['clientId', values.clientId],
      ['clientSecret', values.clientSecret],
      ['refreshToken', values.refreshToken],
      ['useApplicationDefaultCredentials', values.useDefaultCredentials],
      ['loginCustomerId', values.loginCustomerId],
      ['linkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `api.googleads.${name}=${escapedProperty(value)}`,
  );
  return `${lines.join('\n')}\n`;
}

/**
 * As Properties.store() writes a value, and spaces at both ends as well: an editor that trims lines would take the
 * last ones away. The file is read as ISO-8859-1, so what is not ASCII goes by UTF-16 units.
 */
function escapedProperty(value: string): string {
  return value
    .replace(/[\\=:#!]/g, '\\$&')
    .replace(/^ +| +$/g, (spaces) => '\\u0020'.repeat(spaces.length))
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** google_ads_php.ini, which the PHP library reads with parse_ini_file(..., INI_SCANNER_TYPED). */
export function googleAdsPhpIni(values: ConfigurationValues): string {
  const lines = (settings: Parameters<typeof settingLines>[0]) =>
    settingLines(settings, (name, value) => `${name} = ${quotedIni(name, value)}`);
  return [
    '[GOOGLE_ADS]',
    ...lines([
      ['developerToken', values.developerToken],
      ['loginCustomerId', values.loginCustomerId],
      ['linkedCustomerId', values.linkedCustomerId],
    ]),
    '',
    '[OAUTH2]',
    ...lines([
      ['clientId', values.clientId],
      ['clientSecret', values.clientSecret],
      ['refreshToken', values.refreshToken],
      // The last line ends in a line break: without one PHP takes \\" at its end for a quote inside.
    ]),
    '',
  ].join('\n');
}

/**
 * In quotes, so that null, yes or 0123 stay what they are. PHP puts variables in for ${...} between double quotes and
 * has no escape for it; between single quotes everything stands for itself, and so no single quote can stand there.
 */
function quotedIni(name: string, value: string): string {
  if (!value.includes('${')) return `"${value.replace(/["\\]/g, '\\$&')}"`;
  if (value.includes("'")) throw notWritable(name, "holds both ${ and ', which PHP's ini files cannot");
  return `'${value}'`;
}

/** google_ads_config.rb, which is Ruby code. */
export function googleAdsConfigRb(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['client_id', values.clientId],
      ['client_secret', values.clientSecret],
      ['refresh_token', values.refreshToken],
      ['developer_token', values.developerToken],
      ['login_customer_id', values.loginCustomerId],
      ['linked_customer_id', values.linkedCustomerId],
    ],
    (name, value) => `  c.${name} = ${quotedRuby(value)}`,
  );
  if (values.useDefaultCredentials) lines.push('  c.use_application_default_credentials = true');
  // Without both the library says that it could not create its default logger.
  lines.push("  c.log_level = 'WARN'", '  c.log_target = STDERR');
  return ['# encoding: utf-8', 'Google::Ads::GoogleAds::Config.new do |c|', ...lines, 'end', ''].join('\n');
}

/** Between single quotes Ruby puts no values in: only the quote and the backslash mean something. */
function quotedRuby(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`;
}

/**
 * googleads.properties of the Perl library. Not Java's format, in spite of its name: the library cuts each line at
 * its first = and takes the rest as it stands, spaces and backslashes included. So nothing is quoted here.
 */
export function googleadsProperties(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['developerToken', values.developerToken],
      ['clientId', values.clientId],
      ['clientSecret', values.clientSecret],
      ['refreshToken', values.refreshToken],
      ['accessToken', values.accessToken],
      ['loginCustomerId', values.loginCustomerId],
      ['linkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `${name}=${value}`,
  );
  return `${lines.join('\n')}\n`;
}
