import { type ConfigurationValues, notWritable, settingLines } from './configuration-values.js';

/** google_ads_php.ini, which the PHP library reads with parse_ini_file(..., INI_SCANNER_TYPED). */
export function googleAdsPhpIni(values: ConfigurationValues): string {
  const lines = (settings: Parameters<typeof settingLines>[0]) =>
    settingLines(settings, (name, value) => `${name} = ${quoted(name, value)}`);
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
function quoted(name: string, value: string): string {
  if (!value.includes('${')) return `"${value.replace(/["\\]/g, '\\$&')}"`;
  if (value.includes("'")) throw notWritable(name, "holds both ${ and ', which PHP's ini files cannot");
  return `'${value}'`;
}
