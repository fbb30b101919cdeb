import { type ConfigurationValues, settingLines } from './configuration-values.js';

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
    (name, value) => `${name}: ${quoted(value)}`,
  );
  // The library refuses a file without this key.
  return `${[...lines, 'use_proto_plus: true'].join('\n')}\n`;
}

/**
 * A double-quoted scalar (YAML 1.2 section 7.3.1). All that is not ASCII is escaped: PyYAML speaks YAML 1.1, to which
 * U+0085 and U+2028 are line breaks, and which reads a pair of \u surrogates as two halves.
 */
function quoted(value: string): string {
  const escaped = value
    .replace(/["\\]/g, '\\$&')
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
    );
  return `"${escaped}"`;
}
