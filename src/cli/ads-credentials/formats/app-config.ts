import { type ConfigurationValues, settingLines } from './configuration-values.js';

/** App.config with the section GoogleAdsApi, as the .NET library's GoogleAdsConfig reads it. */
export function appConfig(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['DeveloperToken', values.developerToken],
      ['OAuth2Mode', 'APPLICATION'],
      ['OAuth2ClientId', values.clientId],
      ['OAuth2ClientSecret', values.clientSecret],
      ['OAuth2RefreshToken', values.refreshToken],
      ['LoginCustomerId', values.loginCustomerId],
      ['LinkedCustomerId', values.linkedCustomerId],
    ],
    (name, value) => `    <add key="${name}" value="${escaped(value)}" />`,
  );
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
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
function escaped(value: string): string {
  return value.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
