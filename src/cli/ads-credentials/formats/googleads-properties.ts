import { type ConfigurationValues, settingLines } from './configuration-values.js';

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
      ['loginCustomerId', values.loginCustomerId],
      ['linkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `${name}=${value}`,
  );
  return `${lines.join('\n')}\n`;
}
