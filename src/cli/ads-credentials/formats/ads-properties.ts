import { type ConfigurationValues, settingLines } from './configuration-values.js';

/** ads.properties, which the Java library reads with java.util.Properties. */
export function adsProperties(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['developerToken', values.developerToken],
      ['clientId', values.clientId],
      ['clientSecret', values.clientSecret],
      ['refreshToken', values.refreshToken],
      ['loginCustomerId', values.loginCustomerId],
      ['linkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `api.googleads.${name}=${escaped(value)}`,
  );
  return `${lines.join('\n')}\n`;
}

/**
 * As Properties.store() writes a value, and spaces at both ends as well: an editor that trims lines would take the
 * last ones away. The file is read as ISO-8859-1, so what is not ASCII goes by UTF-16 units.
 */
function escaped(value: string): string {
  return value
    .replace(/[\\=:#!]/g, '\\$&')
    .replace(/^ +| +$/g, (spaces) => '\\u0020'.repeat(spaces.length))
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
