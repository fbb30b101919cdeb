/**
 * The configuration of the .NET library for the Google Ads API, as a file and as code. Does not own which values there are
 * (configuration-formats.ts), nor the files of the other libraries (library-files.ts).
 */
import { type ConfigurationValues, settingLines } from './library-files.js';

/** Since release 16 the library reads no file by itself. */
const NEEDS = [
  'Needs the package Google.Ads.GoogleAds.Extensions (dotnet add package Google.Ads.GoogleAds.Extensions), and in the program:',
  'GoogleAdsConfig config = new GoogleAdsConfig(); config.LoadFromDefaultAppConfigSection();',
];

/** App.config with the section GoogleAdsApi, as the .NET library's GoogleAdsConfig reads it. */
export function appConfig(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['DeveloperToken', values.developerToken],
      ['OAuth2Mode', values.refreshToken === null ? null : 'APPLICATION'],
      ['OAuth2ClientId', values.clientId],
      ['OAuth2ClientSecret', values.clientSecret],
      ['OAuth2RefreshToken', values.refreshToken],
      ['UseApplicationDefaultCredentials', values.useDefaultCredentials],
      ['LoginCustomerId', values.loginCustomerId],
      ['LinkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `    <add key="${name}" value="${escapedXml(value)}" />`,
  );
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    ...NEEDS.map((line) => `<!-- ${line} -->`),
    '<configuration>',
    '  <configSections>',
    '    <section name="GoogleAdsApi" type="System.Configuration.DictionarySectionHandler" />',
    '  </configSections>',
    '  <GoogleAdsApi>',
    ...lines,
    '  </GoogleAdsApi>',
    '</configuration>',
    '',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** An attribute's value (XML 1.0 section 2.4). */
function escapedXml(value: string): string {
  return value.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}

/** The form of Google's guide, in a class of its own: `new GoogleAdsClient(GoogleAdsSettings.Config)`. */
export function googleAdsConfigCs(values: ConfigurationValues): string {
  const settings = settingLines(
    [
      ['DeveloperToken', values.developerToken],
      ['OAuth2ClientId', values.clientId],
      ['OAuth2ClientSecret', values.clientSecret],
      ['OAuth2RefreshToken', values.refreshToken],
      ['LoginCustomerId', values.loginCustomerId],
      ['LinkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `${name} = ${quotedCs(value)}`,
  );
  if (values.refreshToken !== null) settings.unshift('OAuth2Mode = OAuth2Flow.APPLICATION');
  if (values.useDefaultCredentials) settings.unshift('UseApplicationDefaultCredentials = true');
  return [
    'using Google.Ads.Gax.Config;',
    'using Google.Ads.GoogleAds.Config;',
    '',
    'static class GoogleAdsSettings',
    '{',
    '    public static readonly GoogleAdsConfig Config = new GoogleAdsConfig()',
    '    {',
    settings.map((setting) => `        ${setting}`).join(',\n'),
    '    };',
    '}',
    '',
  ].join('\n');
}

/** A regular string literal; what is not ASCII goes by UTF-16 units, as C# counts characters. */
function quotedCs(value: string): string {
  const escaped = value
    .replace(/["\\]/g, '\\$&')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${escaped}"`;
}
